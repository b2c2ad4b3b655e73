// @ts-check
/** A room's pause in sending after a retryable refusal; it remembers earlier ones, so that the waits grow. */
import { Backoff } from "./backoff.js";

export class RetryPause {
  /** Whether nothing may be sent. */
  active = false;
  elapsed = false;
  cancel = () => {};

  /** @param {() => number} random */
  constructor(random) {
    this.backoff = new Backoff({ firstMs: 500, maxMs: 15_000, random });
  }

  /**
   * @param {import("./clock.js").Clock} clock
   * @param {number | undefined} atLeastMs
   * @param {() => void} onElapsed
   */
  start(clock, atLeastMs, onElapsed) {
    this.active = true;
    this.elapsed = false;
    this.cancel = clock.after(this.backoff.next(atLeastMs), () => {
      this.elapsed = true;
      onElapsed();
    });
  }

  /** Allows sending again; the backoff is kept. */
  end() {
    this.active = false;
  }
}

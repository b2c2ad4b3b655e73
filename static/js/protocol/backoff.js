// @ts-check
/** Exponential backoff with jitter, so that clients which fail together do not retry together. */

/** Upper limit of a wait that the server asks for, in milliseconds. */
const WAIT_MAX_MS = 60_000;

export class Backoff {
  #failures = 0;

  /**
   * @param {{ firstMs: number, maxMs: number, random?: () => number }} limits
   */
  constructor({ firstMs, maxMs, random = Math.random }) {
    this.firstMs = firstMs;
    this.maxMs = maxMs;
    this.random = random;
  }

  /**
   * The next wait, in milliseconds.
   *
   * @param {number} [atLeastMs] What the server asked for; the jitter adds up to a quarter.
   */
  next(atLeastMs) {
    const exponentialMs = Math.min(this.maxMs, this.firstMs * 2 ** this.#failures);
    this.#failures += 1;
    if (typeof atLeastMs === "number" && 0 <= atLeastMs) {
      return Math.min(WAIT_MAX_MS, atLeastMs * (1 + this.random() / 4));
    }
    return exponentialMs * (0.5 + this.random() / 2);
  }

  /** Starts over after a success. */
  reset() {
    this.#failures = 0;
  }
}

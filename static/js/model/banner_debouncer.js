// @ts-check
/**
 * Keeps the banner from flickering: short trouble is not shown, what is shown stays long enough to
 * be read, and the return is announced only if the absence was.
 *
 * @typedef {import("./status.js").Banner} Banner
 */
import { backOnline, NO_BANNER } from "./status.js";

/** Trouble shorter than this is not shown, in milliseconds. */
export const SHOW_AFTER_MS = 700;
/** How long the return is announced. */
export const RECONNECTED_MS = 4_000;

export class BannerDebouncer {
  /** The banner to draw. @type {Banner} */
  shown = NO_BANNER;
  /** The banner as of now, shown or not. @type {Banner} */
  #current = NO_BANNER;
  /** How many messages were posted during the absence. */
  #missed = 0;
  #absenceShown = false;
  #cancelTimer = () => {};

  /**
   * @param {() => void} changed
   * @param {import("../protocol/clock.js").Clock} clock
   */
  constructor(changed, clock) {
    this.changed = changed;
    this.clock = clock;
  }

  /** @param {Banner} banner The banner as of now. */
  update(banner) {
    const previous = this.#current;
    this.#current = banner;
    if (banner.text === "") this.#troubleEnded(previous);
    else if (previous.text === "") this.#troubleBegan();
    else if (this.shown.text !== "" && this.shown.tone !== "good") this.#show(banner);
  }

  /**
   * A connection is established again.
   *
   * @param {number} missed How many messages were posted meanwhile.
   */
  reconnected(missed) {
    this.#missed = missed;
  }

  #troubleBegan() {
    this.#after(SHOW_AFTER_MS, () => {
      this.#absenceShown = this.#absenceShown || this.#current.tone === "bad";
      this.#show(this.#current);
    });
  }

  /** @param {Banner} previous */
  #troubleEnded(previous) {
    if (previous.text === "") return;
    this.#cancelTimer();
    if (!this.#absenceShown) {
      this.#show(NO_BANNER);
      return;
    }
    this.#absenceShown = false;
    this.#show(backOnline(this.#missed));
    this.#after(RECONNECTED_MS, () => this.#show(this.#current));
  }

  /** @param {Banner} banner */
  #show(banner) {
    if (banner.tone === "bad") this.#absenceShown = true;
    if (banner.text === this.shown.text && banner.retry === this.shown.retry) return;
    this.shown = banner;
    this.changed();
  }

  /** @param {number} ms @param {() => void} callback */
  #after(ms, callback) {
    this.#cancelTimer();
    this.#cancelTimer = this.clock.after(ms, callback);
  }
}

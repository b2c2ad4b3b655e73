// @ts-check
/**
 * Keeps the banner from flickering: what is over at once is not said, what was said stays long enough
 * to be read, and only an absence that was told of is followed by word of the return.
 *
 * @typedef {import("./status.js").Banner} Banner
 */
import { NO_BANNER, back } from "./status.js";

/** Trouble shorter than this is not worth a word, in milliseconds. */
export const SHOW_AFTER_MS = 700;
/** How long the word of the return stays. */
export const RECONNECTED_MS = 4_000;

export class BannerDebouncer {
  /** What is shown. @type {Banner} */
  shown = NO_BANNER;
  /** What is true. @type {Banner} */
  #true = NO_BANNER;
  /** Messages that came during the absence. */
  #missed = 0;
  #told = false;
  #cancel = () => {};

  /**
   * @param {() => void} changed
   * @param {import("../protocol/clock.js").Clock} clock
   */
  constructor(changed, clock) {
    this.changed = changed;
    this.clock = clock;
  }

  /** @param {Banner} banner What is true now. */
  say(banner) {
    const was = this.#true;
    this.#true = banner;
    if (banner.text === "") this.#end(was);
    else if (was.text === "") this.#begin();
    else if (this.shown.text !== "" && this.shown.tone !== "good") this.#show(banner);
  }

  /**
   * A connection stands again.
   *
   * @param {number} missed
   */
  missed(missed) {
    this.#missed = missed;
  }

  #begin() {
    this.#wait(SHOW_AFTER_MS, () => {
      this.#told = this.#told || this.#true.tone === "bad";
      this.#show(this.#true);
    });
  }

  /** @param {Banner} was */
  #end(was) {
    if (was.text === "") return;
    this.#cancel();
    if (!this.#told) {
      this.#show(NO_BANNER);
      return;
    }
    this.#told = false;
    this.#show(back(this.#missed));
    this.#wait(RECONNECTED_MS, () => this.#show(this.#true));
  }

  /** @param {Banner} banner */
  #show(banner) {
    if (banner.tone === "bad") this.#told = true;
    if (banner.text === this.shown.text && banner.retry === this.shown.retry) return;
    this.shown = banner;
    this.changed();
  }

  /** @param {number} ms @param {() => void} then */
  #wait(ms, then) {
    this.#cancel();
    this.#cancel = this.clock.after(ms, then);
  }
}

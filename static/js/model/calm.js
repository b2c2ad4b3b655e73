// @ts-check
/**
 * Keeps the banner from flickering: what is over at once is not said, what was said stays long enough
 * to be read, and only an absence that was told of is followed by word of the return.
 *
 * @typedef {import("./status.js").Banner} Banner
 */
import { ALL_IS_WELL, back } from "./status.js";

/** Trouble shorter than this is not worth a word, in milliseconds. */
export const WORTH_MS = 700;
/** How long the word of the return stays. */
export const BACK_MS = 4_000;

export class Calm {
  /** What is shown. @type {Banner} */
  shown = ALL_IS_WELL;
  /** What is true. @type {Banner} */
  #true = ALL_IS_WELL;
  /** Messages that came during the absence. */
  #missed = 0;
  #told = false;
  #cancel = () => {};

  /**
   * @param {() => void} changed
   * @param {import("../link/clock.js").Clock} clock
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
    this.#wait(WORTH_MS, () => {
      this.#told = this.#told || this.#true.tone === "bad";
      this.#show(this.#true);
    });
  }

  /** @param {Banner} was */
  #end(was) {
    if (was.text === "") return;
    this.#cancel();
    if (!this.#told) {
      this.#show(ALL_IS_WELL);
      return;
    }
    this.#told = false;
    this.#show(back(this.#missed));
    this.#wait(BACK_MS, () => this.#show(this.#true));
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

// @ts-check
/**
 * Draws what has changed, at most once a frame: many messages in one frame cost one drawing. A page
 * that nobody sees draws now and then, so that its title stays true.
 */

/** How often a hidden page draws, in milliseconds. */
const HIDDEN_MS = 500;

/** @template {string} Region */
export class RenderScheduler {
  /** @type {Set<Region>} */
  #due = new Set();
  #waiting = false;

  /** @param {(region: Region) => void} draw */
  constructor(draw) {
    this.draw = draw;
    // A frame that was asked for just before the page is hidden comes when it is seen again.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden && this.#waiting) this.#soon();
    });
  }

  /** @param {...Region} regions */
  changed(...regions) {
    for (const region of regions) this.#due.add(region);
    if (this.#waiting) return;
    this.#waiting = true;
    if (document.hidden) this.#soon();
    else requestAnimationFrame(() => this.#run());
  }

  /** Draws without a frame. */
  #soon() {
    setTimeout(() => this.#run(), HIDDEN_MS);
  }

  #run() {
    this.#waiting = false;
    const due = [...this.#due];
    this.#due.clear();
    for (const region of due) this.draw(region);
  }
}

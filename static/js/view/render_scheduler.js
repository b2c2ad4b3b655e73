// @ts-check
/**
 * Draws invalidated regions, at most once per animation frame. A hidden page, which gets no frames,
 * draws on a timer, so that its title stays up to date.
 */

/** How often a hidden page draws, in milliseconds. */
const HIDDEN_MS = 500;

/** @template {string} Region */
export class RenderScheduler {
  /** @type {Set<Region>} */
  #dirty = new Set();
  #scheduled = false;
  /** Set by `start`. @type {((region: Region) => void) | null} */
  #draw = null;

  /**
   * Begins to draw, including the regions that were invalidated before.
   *
   * @param {(region: Region) => void} draw
   */
  start(draw) {
    this.#draw = draw;
    // A frame requested just before the page was hidden does not come until it is visible again.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden && this.#scheduled) this.#drawOnTimer();
    });
    if (0 < this.#dirty.size) this.#schedule();
  }

  /** @param {...Region} regions */
  invalidate(...regions) {
    for (const region of regions) this.#dirty.add(region);
    if (this.#draw && !this.#scheduled) this.#schedule();
  }

  #schedule() {
    this.#scheduled = true;
    if (document.hidden) this.#drawOnTimer();
    else requestAnimationFrame(() => this.#drawDirty());
  }

  #drawOnTimer() {
    setTimeout(() => this.#drawDirty(), HIDDEN_MS);
  }

  #drawDirty() {
    this.#scheduled = false;
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    for (const region of dirty) this.#draw?.(region);
  }
}

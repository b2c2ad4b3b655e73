// @ts-check
/**
 * The scroll position of the conversation: either it follows the end, or it stays where it is while
 * lines are added and removed above and below.
 */

/** The reader is at the end if at most this many pixels are below the view. */
const END_PX = 48;

export class Scroll {
  /** The position that the page itself scrolled to; its scroll event is not the reader's. */
  #expected = -1;

  /**
   * @param {HTMLElement} scroller
   * @param {import("./viewport.js").Viewport} viewport
   * @param {() => void} onScroll The reader has scrolled.
   */
  constructor(scroller, viewport, onScroll) {
    this.scroller = scroller;
    this.viewport = viewport;
    scroller.addEventListener(
      "scroll",
      () => {
        if (Math.abs(scroller.scrollTop - this.#expected) < 2) return;
        viewport.atEnd = this.below <= END_PX;
        this.#expected = -1;
        onScroll();
      },
      { passive: true },
    );
    // For example, a phone's keyboard takes half of the window.
    new ResizeObserver(() => this.followEnd()).observe(scroller);
  }

  /** The height of the content above the view, in pixels. */
  get above() {
    return this.scroller.scrollTop;
  }

  /** The height of the content below the view, in pixels. */
  get below() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  /**
   * Changes the lines without moving those in view.
   *
   * @param {() => void} change
   */
  preserve(change) {
    if (this.viewport.atEnd) {
      change();
      this.followEnd();
      return;
    }
    const anchor = this.#firstInView();
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    if (anchor?.isConnected) this.#scrollTo(this.scroller.scrollTop + anchor.getBoundingClientRect().top - before);
  }

  /** Scrolls to the end if the reader is there already. */
  followEnd() {
    if (this.viewport.atEnd) this.#scrollTo(this.scroller.scrollHeight);
  }

  toEnd() {
    this.viewport.atEnd = true;
    this.followEnd();
  }

  /** Scrolls a line into the middle of the view. @param {Element} line */
  toLine(line) {
    this.viewport.atEnd = false;
    const { top, height } = line.getBoundingClientRect();
    const middle = this.scroller.getBoundingClientRect().top + this.scroller.clientHeight / 2;
    this.#scrollTo(this.scroller.scrollTop + top + height / 2 - middle);
  }

  /** @param {number} top */
  #scrollTo(top) {
    this.scroller.scrollTop = top;
    this.#expected = this.scroller.scrollTop;
  }

  /** Finds the first line in view by binary search. */
  #firstInView() {
    const top = this.scroller.getBoundingClientRect().top;
    const lines = this.scroller.querySelectorAll("li[data-seq]");
    let [low, high] = [0, lines.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((lines[middle]?.getBoundingClientRect().bottom ?? 0) <= top) low = middle + 1;
      else high = middle;
    }
    return lines[low];
  }
}

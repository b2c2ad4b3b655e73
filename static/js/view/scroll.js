// @ts-check
/**
 * Where the reader is in a conversation: at its end, which is followed, or somewhere else, which
 * stays where it is while lines come and go above and below.
 */

/** Reading the end means being at most so far from it, in pixels. */
const END_PX = 48;

export class Scroll {
  /** Whether the reader is at the end and wants to stay there. */
  atEnd = true;
  /** Set while the page itself scrolls, which is no wish of the reader. */
  #expected = -1;

  /**
   * @param {HTMLElement} scroller
   * @param {() => void} moved The reader has scrolled.
   */
  constructor(scroller, moved) {
    this.scroller = scroller;
    scroller.addEventListener(
      "scroll",
      () => {
        if (Math.abs(scroller.scrollTop - this.#expected) < 2) return;
        this.atEnd = this.below <= END_PX;
        this.#expected = -1;
        moved();
      },
      { passive: true },
    );
    // A phone's keyboard takes half of the window away.
    new ResizeObserver(() => this.follow()).observe(scroller);
  }

  /** How much is above what is in view, in pixels. */
  get above() {
    return this.scroller.scrollTop;
  }

  /** How much is below it. */
  get below() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  /**
   * Changes the lines, and keeps in view what was in view.
   *
   * @param {() => void} change
   */
  keeping(change) {
    if (this.atEnd) {
      change();
      this.follow();
      return;
    }
    const anchor = this.#firstInView();
    const was = anchor?.getBoundingClientRect().top ?? 0;
    change();
    if (anchor?.isConnected) this.#put(this.scroller.scrollTop + anchor.getBoundingClientRect().top - was);
  }

  follow() {
    if (this.atEnd) this.#put(this.scroller.scrollHeight);
  }

  toEnd() {
    this.atEnd = true;
    this.follow();
  }

  /** @param {Element} line */
  toLine(line) {
    this.atEnd = false;
    const { top, height } = line.getBoundingClientRect();
    const middle = this.scroller.getBoundingClientRect().top + this.scroller.clientHeight / 2;
    this.#put(this.scroller.scrollTop + top + height / 2 - middle);
  }

  /** @param {number} top */
  #put(top) {
    this.scroller.scrollTop = top;
    this.#expected = this.scroller.scrollTop;
  }

  #firstInView() {
    const top = this.scroller.getBoundingClientRect().top;
    const lines = this.scroller.querySelectorAll("li[data-seq]");
    let [low, high] = [0, lines.length];
    // The lines are one below the other.
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((lines[middle]?.getBoundingClientRect().bottom ?? 0) <= top) low = middle + 1;
      else high = middle;
    }
    return lines[low];
  }
}

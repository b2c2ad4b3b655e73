// @ts-check
/**
 * The nodes' time as this page sees it, whatever its own clock says: each ack tells when its message
 * was stored, which was between its sending and its coming.
 */

export class NodeClock {
  /** How far the nodes are ahead, in milliseconds. */
  offset = 0;
  /** How far that may be off. */
  #doubt = Infinity;

  /** @param {import("../protocol/clock.js").Clock} clock */
  constructor(clock) {
    this.clock = clock;
  }

  now() {
    return this.clock.now() + this.offset;
  }

  /**
   * Takes a time that a node named, between two of our own.
   *
   * @param {number} at
   * @param {number} from
   * @param {number} to
   */
  learn(at, from, to) {
    const doubt = (to - from) / 2;
    // A later one of the same worth is better: clocks drift, and are set.
    if (doubt < 0 || this.#doubt < doubt) return;
    this.offset = at - (from + to) / 2;
    // What is within the doubt is no difference.
    if (Math.abs(this.offset) <= doubt) this.offset = 0;
    this.#doubt = doubt;
  }

  /** A new connection may be to a node with another clock. */
  forget() {
    this.#doubt = Infinity;
  }
}

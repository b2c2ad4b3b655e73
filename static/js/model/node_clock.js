// @ts-check
/**
 * Estimates the nodes' clock, so that times are right even if this machine's clock is wrong. Each ack
 * is a sample: the message was stored between the sending of the post and the arrival of the ack.
 */

export class NodeClock {
  /** How far the nodes' clock is ahead of this one, in milliseconds. */
  offset = 0;
  /** The error bound of `offset`. */
  #uncertainty = Infinity;

  /** @param {import("../protocol/clock.js").Clock} clock */
  constructor(clock) {
    this.clock = clock;
  }

  now() {
    return this.clock.now() + this.offset;
  }

  /**
   * Takes a sample.
   *
   * @param {number} at The node's time.
   * @param {number} from Our time before it.
   * @param {number} to Our time after it.
   */
  sample(at, from, to) {
    const uncertainty = (to - from) / 2;
    // Of equally good samples the later one wins, since clocks drift and are adjusted.
    if (uncertainty < 0 || this.#uncertainty < uncertainty) return;
    this.offset = at - (from + to) / 2;
    // An offset within the error bound may as well be none.
    if (Math.abs(this.offset) <= uncertainty) this.offset = 0;
    this.#uncertainty = uncertainty;
  }

  /** Accepts any next sample: a new connection may be to a node with another clock. */
  reset() {
    this.#uncertainty = Infinity;
  }
}

// @ts-check
/**
 * The page's own place in one room: whatever arrives, each message is shown once and in order.
 *
 * It trusts no one with that, not even the node: what comes twice is dropped, and what comes after
 * a hole is not shown; the caller joins again after {@link RoomCursor.place}. No I/O, no clock.
 *
 * @typedef {import("./wire.js").RoomPosition} RoomPosition
 * @typedef {import("./wire.js").Message} Message
 *
 * @typedef {"fresh" | "resumed" | "incomplete" | "replaced"} JoinOutcome
 *   How the page enters a room: for the first time; where it was; with some messages lost between;
 *   or from the start, since the log is another one than before.
 */

export class RoomCursor {
  /** @type {string | null} */
  #epoch = null;
  /** The newest place shown; `null` before the first, which may be any. @type {number | null} */
  #shown = null;
  /** Whether the next message may leave a gap behind: the node said that what was there is lost. */
  #skips = false;
  /** The newest place known to exist. */
  #head = 0;

  /**
   * Where to go on from.
   *
   * @returns {RoomPosition | null}
   */
  place() {
    if (this.#epoch === null || this.#shown === null) return null;
    return { epoch: this.#epoch, seq: this.#shown };
  }

  /** The newest place shown, 0 if there is none. */
  get shown() {
    return this.#shown ?? 0;
  }

  /** How many places are known to exist and not yet shown; history that was never asked for is not missed. */
  get missing() {
    return this.#shown === null ? 0 : Math.max(0, this.#head - this.#shown);
  }

  /** Whether all that is known to exist was shown. */
  get caughtUp() {
    return this.#shown !== null && this.#head <= this.#shown;
  }

  /**
   * Takes the node's answer to having joined at {@link place}.
   *
   * @param {{ epoch: string, head: number, recovered: boolean }} joined
   * @returns {JoinOutcome}
   */
  open({ epoch, head, recovered }) {
    // A log that ends before what was shown and cannot go on from there is another log, too.
    const shrunk = !recovered && this.#shown !== null && head < this.#shown;
    const replaced = this.#epoch !== null && (this.#epoch !== epoch || shrunk);
    if (replaced) this.#shown = null;

    const known = this.#epoch !== null && this.#shown !== null;
    this.#epoch = epoch;
    this.#head = head;
    this.#skips = known && !recovered;
    if (this.#shown === null && head === 0) this.#shown = 0;

    if (replaced) return "replaced";
    if (!known) return "fresh";
    return recovered ? "resumed" : "incomplete";
  }

  /**
   * Takes messages as they arrive.
   *
   * @param {readonly Message[]} messages Ascending, of this room.
   * @returns {{ due: Message[], hole: boolean }} What to show now, all kinds included, and whether
   *   something was held back because what belongs before it is missing.
   */
  offer(messages) {
    /** @type {Message[]} */
    const due = [];
    for (const message of messages) {
      this.#head = Math.max(this.#head, message.seq);
      if (this.#shown !== null && message.seq <= this.#shown) continue;
      if (!this.#fits(message.seq)) return { due, hole: true };
      this.#shown = message.seq;
      this.#skips = false;
      due.push(message);
    }
    return { due, hole: false };
  }

  /** @param {number} seq */
  #fits(seq) {
    return this.#shown === null || this.#skips || seq === this.#shown + 1;
  }
}

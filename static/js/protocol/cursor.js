// @ts-check
/**
 * The client's cursor in one room: delivers each message once and in order, whatever arrives.
 *
 * It does not rely on the node for that: duplicates are dropped, and messages after a gap are held
 * back until the caller joins again at {@link RoomCursor.position}. Pure: no I/O, no clock.
 *
 * @typedef {import("./wire.js").RoomPosition} RoomPosition
 * @typedef {import("./wire.js").Message} Message
 *
 * @typedef {"fresh" | "resumed" | "incomplete" | "replaced"} JoinOutcome
 *   fresh: joined for the first time. resumed: continues where it was. incomplete: continues, but
 *   messages in between are lost. replaced: the log is another one, and starts over.
 */

export class RoomCursor {
  /** @type {string | null} */
  #epoch = null;
  /** The newest seq shown; `null` before the first message, which may have any seq. @type {number | null} */
  #shown = null;
  /** Whether the next message may follow a gap, because the node reported the messages in it as lost. */
  #gapAllowed = false;
  /** The newest seq known to exist. */
  #head = 0;

  /**
   * The position to resume at; `null` if nothing was shown yet.
   *
   * @returns {RoomPosition | null}
   */
  position() {
    if (this.#epoch === null || this.#shown === null) return null;
    return { epoch: this.#epoch, seq: this.#shown };
  }

  /** The newest seq shown; 0 if there is none. */
  get shown() {
    return this.#shown ?? 0;
  }

  /** How many messages are known to exist and not yet shown. History that was never requested does not count. */
  get missing() {
    return this.#shown === null ? 0 : Math.max(0, this.#head - this.#shown);
  }

  /** Whether everything known to exist was shown. */
  get caughtUp() {
    return this.#shown !== null && this.#head <= this.#shown;
  }

  /**
   * Takes the node's response to a join at {@link position}.
   *
   * @param {import("./wire.js").JoinResult} result
   * @returns {JoinOutcome}
   */
  join({ epoch, head, recovered }) {
    // A log that ends before what was shown, and cannot resume there, is another log under the same epoch.
    const shrunk = !recovered && this.#shown !== null && head < this.#shown;
    const replaced = this.#epoch !== null && (this.#epoch !== epoch || shrunk);
    if (replaced) this.#shown = null;

    const known = this.#epoch !== null && this.#shown !== null;
    this.#epoch = epoch;
    this.#head = head;
    this.#gapAllowed = known && !recovered;
    if (this.#shown === null && head === 0) this.#shown = 0;

    if (replaced) return "replaced";
    if (!known) return "fresh";
    return recovered ? "resumed" : "incomplete";
  }

  /**
   * Takes messages as they arrive.
   *
   * @param {readonly Message[]} messages Ascending, of this room.
   * @returns {{ due: Message[], gap: boolean }} The messages to show now, of all kinds, and whether
   *   others were held back because messages before them are missing.
   */
  receive(messages) {
    /** @type {Message[]} */
    const due = [];
    for (const message of messages) {
      this.#head = Math.max(this.#head, message.seq);
      if (this.#shown !== null && message.seq <= this.#shown) continue;
      if (!this.#isNext(message.seq)) return { due, gap: true };
      this.#shown = message.seq;
      this.#gapAllowed = false;
      due.push(message);
    }
    return { due, gap: false };
  }

  /** @param {number} seq */
  #isNext(seq) {
    return this.#shown === null || this.#gapAllowed || seq === this.#shown + 1;
  }
}

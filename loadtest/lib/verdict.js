// @ts-check
/**
 * Judges what one client received of one room: nothing lost, doubled or out of order. Pure.
 *
 * VUs share no memory, so each client judges alone. That suffices: seqs have no gaps, so a missing one is
 * a lost message of any sender; and each sender numbers its messages, which reveals a message that was
 * stored twice or never.
 *
 * @typedef {import("./stamp.js").Stamp} Stamp
 * @typedef {{ shown: number, lost: number, doubled: number, inverted: number }} Outcome
 */

/** Missing seqs that are stored; further ones are only counted. */
const MISSING_MAX = 10_000;
/** Senders whose last number is stored; beyond that, the least recently active one is forgotten. */
const SENDERS_MAX = 20_000;
/** Newest messages whose text is stored for the comparison with the log. */
export const RECENT_MAX = 400;

export class Verdict {
  #opened = false;
  #start = 0;
  #highest = 0;
  #shown = 0;
  #doubled = 0;
  #inverted = 0;
  /** Skipped seqs that have not arrived since. @type {Set<number>} */
  #missing = new Set();
  #missingUnkept = 0;
  /** The highest number of each sender. @type {Map<string, number>} */
  #numbers = new Map();
  /** Skipped numbers of all senders. */
  #skipped = 0;
  /** @type {Map<number, string>} */
  #recent = new Map();

  /** Starts the window after this seq. Only the first call counts. @param {number} head */
  open(head) {
    if (this.#opened) return;
    this.#opened = true;
    this.#start = head;
    this.#highest = head;
  }

  /** The highest seq received. */
  get highest() {
    return this.#highest;
  }

  /** The seq before the window. */
  get start() {
    return this.#start;
  }

  /**
   * Registers a received message.
   *
   * @param {number} seq
   * @param {string} text
   * @param {Stamp | null} stamp
   */
  take(seq, text, stamp) {
    if (seq <= this.#highest && !this.#missing.has(seq)) {
      this.#doubled += 1;
      return;
    }
    const late = this.#track(seq);
    this.#shown += 1;
    if (stamp) this.#count(stamp, late);
    this.#recent.set(seq, text);
    if (RECENT_MAX < this.#recent.size) this.#recent.delete(/** @type {number} */ (this.#recent.keys().next().value));
  }

  /** @param {number} seq @returns {boolean} Whether a later message came before. */
  #track(seq) {
    if (seq <= this.#highest) {
      this.#missing.delete(seq);
      this.#inverted += 1;
      return true;
    }
    for (let hole = this.#highest + 1; hole < seq; hole += 1) {
      if (this.#missing.size < MISSING_MAX) this.#missing.add(hole);
      else this.#missingUnkept += 1;
    }
    this.#highest = seq;
    return false;
  }

  /** @param {Stamp} stamp @param {boolean} late */
  #count({ sender, number }, late) {
    const last = this.#numbers.get(sender);
    this.#numbers.delete(sender);
    this.#numbers.set(sender, Math.max(number, last ?? 0));
    if (SENDERS_MAX < this.#numbers.size) this.#numbers.delete(/** @type {string} */ (this.#numbers.keys().next().value));
    if (last === undefined) return;
    if (number === last) this.#doubled += 1; // Stored twice, at two seqs.
    else if (number < last && late) this.#skipped = Math.max(0, this.#skipped - 1);
    else if (number < last) this.#inverted += 1; // Stored in another order than sent.
    else this.#skipped += number - last - 1;
  }

  /**
   * Compares received texts with a page of the log.
   *
   * @param {{ seq: number, text: string }[]} page
   * @returns {{ compared: number, differing: number }}
   */
  compare(page) {
    let [compared, differing] = [0, 0];
    for (const { seq, text } of page) {
      const shown = this.#recent.get(seq);
      if (shown === undefined) continue; // Missing, which is counted as lost, or forgotten.
      compared += 1;
      if (shown !== text) differing += 1;
    }
    return { compared, differing };
  }

  /**
   * Returns the counts.
   *
   * @param {number} head The room's newest seq; everything up to it must have been received.
   * @returns {Outcome}
   */
  outcome(head) {
    const bySeq = this.#missing.size + this.#missingUnkept + Math.max(0, head - this.#highest);
    // A lost message counts in both, so take the larger, not the sum.
    const lost = Math.max(bySeq, this.#skipped);
    return { shown: this.#shown, lost, doubled: this.#doubled, inverted: this.#inverted };
  }
}

// @ts-check
/**
 * What one client was shown of one room, judged: nothing lost, doubled or out of order. Pure.
 *
 * VUs share no memory, so each client judges alone. It can: places in a room are dense, so that a
 * missing one is a lost message, whoever sent it; and each sender counts its messages, so that a
 * message stored twice, or one that never got a place, shows as well.
 *
 * @typedef {import("./stamp.js").Stamp} Stamp
 * @typedef {{ shown: number, lost: number, doubled: number, inverted: number }} Outcome
 */

/** Missing places that are kept one by one; further ones are only counted. */
const MISSING_MAX = 10_000;
/** Senders whose last number is kept; beyond it the one that was silent longest is forgotten. */
const SENDERS_MAX = 20_000;
/** Newest messages whose text is kept for comparing with the log. */
export const RECENT_MAX = 400;

export class Verdict {
  #opened = false;
  #start = 0;
  #highest = 0;
  #shown = 0;
  #doubled = 0;
  #inverted = 0;
  /** Places that were jumped over and have not come yet. @type {Set<number>} */
  #missing = new Set();
  #missingUnkept = 0;
  /** Of each sender the number that came last. @type {Map<string, number>} */
  #numbers = new Map();
  /** Numbers that senders jumped over. */
  #skipped = 0;
  /** @type {Map<number, string>} */
  #recent = new Map();

  /** The window begins behind this place. Only the first call counts. @param {number} head */
  open(head) {
    if (this.#opened) return;
    this.#opened = true;
    this.#start = head;
    this.#highest = head;
  }

  /** The newest place shown. */
  get highest() {
    return this.#highest;
  }

  /** Where the window began. */
  get start() {
    return this.#start;
  }

  /**
   * Takes a message as it was shown.
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
    const late = this.#place(seq);
    this.#shown += 1;
    if (stamp) this.#count(stamp, late);
    this.#recent.set(seq, text);
    if (RECENT_MAX < this.#recent.size) this.#recent.delete(/** @type {number} */ (this.#recent.keys().next().value));
  }

  /** @param {number} seq @returns {boolean} Whether it came after one that follows it. */
  #place(seq) {
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
    if (number === last) this.#doubled += 1; // Stored twice, at two places.
    else if (number < last && late) this.#skipped = Math.max(0, this.#skipped - 1);
    else if (number < last) this.#inverted += 1; // In the order of places, but not as it was sent.
    else this.#skipped += number - last - 1;
  }

  /**
   * Compares with a page of the log.
   *
   * @param {{ seq: number, text: string }[]} page
   * @returns {{ compared: number, differing: number }}
   */
  compare(page) {
    let [compared, differing] = [0, 0];
    for (const { seq, text } of page) {
      const shown = this.#recent.get(seq);
      if (shown === undefined) continue; // Missing, which is judged elsewhere, or no longer kept.
      compared += 1;
      if (shown !== text) differing += 1;
    }
    return { compared, differing };
  }

  /**
   * The judgement.
   *
   * @param {number} head The log's newest place: all up to there has to be shown.
   * @returns {Outcome}
   */
  outcome(head) {
    const byPlace = this.#missing.size + this.#missingUnkept + Math.max(0, head - this.#highest);
    // A lost place is a skipped number, too: the larger of the two views, not their sum.
    const lost = Math.max(byPlace, this.#skipped);
    return { shown: this.#shown, lost, doubled: this.#doubled, inverted: this.#inverted };
  }
}

// @ts-check
/**
 * Folds amendments into their texts: the newest edit, the deletion, and the reactions.
 *
 * Amendments may arrive in any order, repeatedly, and before their text; the result is the same,
 * since the one with the highest seq wins.
 *
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {import("../protocol/wire.js").User} User
 * @typedef {{ text: string, users: User[] }} Reaction
 *
 * @typedef {object} Folded A text with its amendments applied.
 * @property {string} text
 * @property {boolean} edited
 * @property {boolean} deleted
 * @property {readonly Reaction[]} reactions Ordered by when each was first given.
 * @property {number} version Increases with each change.
 *
 * @typedef {{ seq: number, on: boolean, user: User }} Vote
 *
 * @typedef {object} Amendments The amendments of one text.
 * @property {Map<string, { seq: number, text: string }>} edits By user; only those of the text's author count.
 * @property {Set<string>} deletes The users who deleted it; only the text's author counts.
 * @property {Map<string, Map<string, Vote>>} votes By reaction, then by user.
 * @property {number} version
 */

/** How many texts outside of the loaded range may have amendments in memory; the oldest are dropped first. */
export const WAITING_MAX = 1_000;

/** @type {readonly Reaction[]} */
const NONE = [];

export class Fold {
  /** By the text's seq. @type {Map<number, Amendments>} */
  #amendments = new Map();

  /**
   * Applies an amendment; other messages are ignored.
   *
   * @param {Message} message
   */
  apply({ kind, of: target, seq, text, author }) {
    if (typeof target !== "number") return;
    const amended = this.#amendmentsOf(target);
    if (kind === "edit") {
      const known = amended.edits.get(author.id);
      if (known && seq <= known.seq) return;
      amended.edits.set(author.id, { seq, text });
    } else if (kind === "delete") {
      amended.deletes.add(author.id);
    } else if (kind === "react" || kind === "unreact") {
      const votes = amended.votes.get(text) ?? new Map();
      const known = votes.get(author.id);
      if (known && seq <= known.seq) return;
      votes.set(author.id, { seq, on: kind === "react", user: author });
      amended.votes.set(text, votes);
    } else {
      return;
    }
    amended.version += 1;
  }

  /**
   * A text with its amendments applied.
   *
   * @param {Message} message
   * @returns {Folded}
   */
  resolve({ seq, author, text }) {
    const amended = this.#amendments.get(seq);
    if (!amended) return { text, edited: false, deleted: false, reactions: NONE, version: 0 };
    const edit = amended.edits.get(author.id);
    const deleted = amended.deletes.has(author.id);
    return {
      text: deleted ? "" : (edit?.text ?? text),
      edited: edit !== undefined,
      deleted,
      reactions: deleted ? NONE : reactionsOf(amended.votes),
      version: amended.version,
    };
  }

  /**
   * Drops amendments of texts outside of the loaded range, except those of the newest `WAITING_MAX`.
   *
   * @param {number} first
   * @param {number} last
   */
  prune(first, last) {
    const outside = [...this.#amendments.keys()].filter((seq) => seq < first || last < seq).sort((one, other) => one - other);
    for (const seq of outside.slice(0, -WAITING_MAX)) this.#amendments.delete(seq);
  }

  get size() {
    return this.#amendments.size;
  }

  /** @param {number} seq */
  #amendmentsOf(seq) {
    const known = this.#amendments.get(seq);
    if (known) return known;
    /** @type {Amendments} */
    const fresh = { edits: new Map(), deletes: new Set(), votes: new Map(), version: 0 };
    this.#amendments.set(seq, fresh);
    return fresh;
  }
}

/**
 * @param {Map<string, Map<string, Vote>>} votes
 * @returns {Reaction[]}
 */
function reactionsOf(votes) {
  return [...votes]
    .map(([text, by]) => ({ text, given: [...by.values()].filter(({ on }) => on).sort((one, other) => one.seq - other.seq) }))
    .filter(({ given }) => 0 < given.length)
    .sort((one, other) => (one.given[0]?.seq ?? 0) - (other.given[0]?.seq ?? 0))
    .map(({ text, given }) => ({ text, users: given.map(({ user }) => user) }));
}

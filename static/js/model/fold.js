// @ts-check
/**
 * What became of each text: its newest edit, whether it was deleted, and the reactions to it.
 *
 * Amendments may come in any order, repeatedly, and before their text: the result is the same,
 * since each keeps the newest by its place in the log.
 *
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {import("../protocol/wire.js").User} User
 * @typedef {{ text: string, users: User[] }} Reaction
 *
 * @typedef {object} Folded A text as it is to be shown.
 * @property {string} text
 * @property {boolean} edited
 * @property {boolean} deleted
 * @property {readonly Reaction[]} reactions In the order in which each was first given.
 * @property {number} version Grows with each change.
 *
 * @typedef {{ seq: number, on: boolean, user: User }} Vote
 *
 * @typedef {object} Amended
 * @property {Map<string, { seq: number, text: string }>} edits By author: only the text's own one counts.
 * @property {Set<string>} deletes Authors, for the same reason.
 * @property {Map<string, Map<string, Vote>>} votes By reaction, then by user.
 * @property {number} version
 */

/** How many texts beyond those loaded may have amendments waiting for them; the oldest go first. */
export const WAITING_MAX = 1_000;

/** @type {readonly Reaction[]} */
const NONE = [];

export class Fold {
  /** By the text's place. @type {Map<number, Amended>} */
  #amended = new Map();

  /**
   * Takes an amendment; other messages are stepped over.
   *
   * @param {Message} message
   */
  take({ kind, of, seq, text, author }) {
    if (typeof of !== "number") return;
    const amended = this.#at(of);
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
   * A text as it is to be shown.
   *
   * @param {Message} message
   * @returns {Folded}
   */
  of({ seq, author, text }) {
    const amended = this.#amended.get(seq);
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
   * Forgets what is about texts outside of those loaded, but for the newest that may still come.
   *
   * @param {number} first
   * @param {number} last
   */
  keep(first, last) {
    const outside = [...this.#amended.keys()].filter((seq) => seq < first || last < seq).sort((one, other) => one - other);
    for (const seq of outside.slice(0, -WAITING_MAX)) this.#amended.delete(seq);
  }

  get size() {
    return this.#amended.size;
  }

  /** @param {number} seq */
  #at(seq) {
    const known = this.#amended.get(seq);
    if (known) return known;
    /** @type {Amended} */
    const fresh = { edits: new Map(), deletes: new Set(), votes: new Map(), version: 0 };
    this.#amended.set(seq, fresh);
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

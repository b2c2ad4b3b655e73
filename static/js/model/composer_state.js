// @ts-check
/**
 * The texts being composed in each room: one draft, and edits of earlier messages.
 *
 * Each is kept until it is sent or cancelled. One of them is in the input field; the others are
 * suspended.
 *
 * @typedef {object} Edits The unfinished edits of a room.
 * @property {number | null} current The seq whose edit is in the field; `null`: the draft is.
 * @property {Map<number, string>} texts The edited texts, by seq.
 *
 * @typedef {{ get: (room: string) => string, set: (room: string, text: string) => void }} DraftStore
 * @typedef {{ get: (room: string) => Edits, set: (room: string, edits: Edits) => void }} EditStore
 */

export class ComposerState {
  #room = "";
  /** The edited texts of this room, by seq. @type {Map<number, string>} */
  #texts = new Map();
  /** The edit in the field. @type {{ seq: number, text: string } | null} */
  #current = null;

  /**
   * @param {DraftStore} drafts
   * @param {EditStore} edits
   */
  constructor(drafts, edits) {
    this.drafts = drafts;
    this.edits = edits;
  }

  get room() {
    return this.#room;
  }

  /** The text in the field. */
  get text() {
    return this.#current?.text ?? this.drafts.get(this.#room);
  }

  /** The seq of the message being edited; `null` while the draft is in the field. */
  get editing() {
    return this.#current?.seq ?? null;
  }

  /** The seq of the latest suspended edit, if there is one. */
  get suspended() {
    return [...this.#texts.keys()].findLast((seq) => seq !== this.editing) ?? null;
  }

  /** @param {string} room */
  enterRoom(room) {
    const { current, texts } = this.edits.get(room);
    const text = texts.get(current ?? NaN);
    this.#room = room;
    this.#texts = texts;
    this.#current = current === null || text === undefined ? null : { seq: current, text };
  }

  /**
   * Puts an edit into the field: the suspended one of that message, or a new one.
   *
   * @param {number} seq
   * @param {string} original The message's current text.
   */
  startEdit(seq, original) {
    this.#current = { seq, text: this.#texts.get(seq) ?? original };
    this.#saveEdits();
  }

  /** Puts the draft into the field; an edit is suspended. */
  showDraft() {
    this.#current = null;
    this.#saveEdits();
  }

  /** @param {string} text The new content of the field. */
  update(text) {
    if (this.#current === null) {
      this.drafts.set(this.#room, text);
      return;
    }
    this.#current.text = text;
    this.#texts.set(this.#current.seq, text);
    this.#saveEdits();
  }

  /** Ends what is in the field, sent or cancelled; after an edit, the draft returns. */
  finish() {
    if (this.#current === null) {
      this.drafts.set(this.#room, "");
      return;
    }
    this.#texts.delete(this.#current.seq);
    this.showDraft();
  }

  #saveEdits() {
    this.edits.set(this.#room, { current: this.editing, texts: this.#texts });
  }
}

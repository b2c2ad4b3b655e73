// @ts-check
/**
 * What is being written in each room: a draft, and edits of what was said.
 *
 * Each is kept until it is sent or given up. Meanwhile one of them is in the field; the others wait.
 *
 * @typedef {object} Edits The edits that were begun in a room.
 * @property {number | null} current The message whose edit is in the field; `null`: the draft is.
 * @property {Map<number, string>} texts What was typed, by the message's place.
 *
 * @typedef {{ get: (room: string) => string, set: (room: string, text: string) => void }} DraftStore
 * @typedef {{ get: (room: string) => Edits, set: (room: string, edits: Edits) => void }} EditStore
 */

export class ComposerState {
  #room = "";
  /** What was typed in edits of this room. @type {Map<number, string>} */
  #texts = new Map();
  /** The edit that is in the field. @type {{ seq: number, text: string } | null} */
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

  /** What the field shows. */
  get text() {
    return this.#current?.text ?? this.drafts.get(this.#room);
  }

  /** The message that is being edited; `null`: the draft is written. */
  get editing() {
    return this.#current?.seq ?? null;
  }

  /** A message whose edit was begun and is not in the field. */
  get waiting() {
    return [...this.#texts.keys()].findLast((seq) => seq !== this.editing) ?? null;
  }

  /** @param {string} room */
  enter(room) {
    const { current, texts } = this.edits.get(room);
    const text = texts.get(current ?? NaN);
    this.#room = room;
    this.#texts = texts;
    this.#current = current === null || text === undefined ? null : { seq: current, text };
  }

  /**
   * Takes an edit into the field, as far as it was begun.
   *
   * @param {number} seq
   * @param {string} said What the message says now.
   */
  edit(seq, said) {
    this.#current = { seq, text: this.#texts.get(seq) ?? said };
    this.#keep();
  }

  /** Takes the draft into the field; an edit waits. */
  draft() {
    this.#current = null;
    this.#keep();
  }

  /** @param {string} text What is in the field now. */
  write(text) {
    if (this.#current === null) {
      this.drafts.set(this.#room, text);
      return;
    }
    this.#current.text = text;
    this.#texts.set(this.#current.seq, text);
    this.#keep();
  }

  /** What is in the field was sent or given up; the draft follows an edit. */
  end() {
    if (this.#current === null) {
      this.drafts.set(this.#room, "");
      return;
    }
    this.#texts.delete(this.#current.seq);
    this.draft();
  }

  #keep() {
    this.edits.set(this.#room, { current: this.editing, texts: this.#texts });
  }
}

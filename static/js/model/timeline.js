// @ts-check
/**
 * The part of a room's history in memory: a contiguous range of the log of bounded length, extended
 * at one end and trimmed at the other.
 *
 * While it ends at the room's newest message it is attached: live messages are appended. When its end
 * was trimmed, or a search moved it elsewhere, it is detached, and live messages are only counted until
 * reading on has brought it back to the room's end.
 *
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {import("../protocol/wire.js").Page} Page
 * @typedef {{ after: number, text: string, id: number }} Note A line of the page's own, after a seq.
 */
import { Fold } from "./fold.js";

/** How many texts of the active room are kept; more are trimmed at the far end. */
export const TEXTS_MAX = 600;
/** How many texts of a room in the background are kept. */
export const BACKGROUND_MAX = 60;
/** How many notes are kept; the oldest are dropped. */
const NOTES_MAX = 20;

export class Timeline {
  fold = new Fold();
  /** Texts only, ascending. @type {Message[]} */
  texts = [];
  /** @type {Note[]} */
  notes = [];
  /** Whether earlier messages may exist. */
  hasOlder = true;
  /** Whether it ends at the room's newest message. */
  attached = true;
  /** Whether another room is the active one. */
  inBackground = true;
  /** Increases with each change. */
  version = 0;
  /** The range of seqs in memory, of all kinds of messages; empty while `last < first`. */
  first = 1;
  last = 0;
  #noteId = 0;

  get empty() {
    return this.last < this.first;
  }

  /**
   * Appends live messages: the room's newest, without a gap between them.
   *
   * @param {readonly Message[]} messages Of all kinds, ascending.
   * @param {boolean} follow Whether the reader is at the end: then the oldest texts may be trimmed.
   */
  append(messages, follow = true) {
    for (const message of messages) this.fold.apply(message);
    this.version += 1;
    const [oldest] = messages;
    if (!this.attached || !oldest) return;
    if (!follow && TEXTS_MAX < this.texts.length + messages.filter(isText).length) {
      // Trimming would move the text under the reader: the new messages are loaded on demand instead.
      this.attached = false;
      return;
    }
    // Messages lost for good leave a gap: start over after it.
    if (!this.empty && oldest.seq !== this.last + 1) this.#clear();
    if (this.empty) this.#startAt(oldest.seq);
    this.#push(messages);
    this.#trimOldest(this.inBackground ? BACKGROUND_MAX : TEXTS_MAX);
  }

  /**
   * Adds the page of history before the range, unless the range's start has changed since it was requested.
   *
   * @param {Page} page
   * @param {number} before The seq that it was requested for.
   */
  prepend({ messages, more, amendments = [] }, before) {
    if (before !== this.first) return;
    for (const message of [...messages, ...amendments]) this.fold.apply(message);
    const [oldest] = messages;
    this.hasOlder = more && oldest !== undefined;
    this.version += 1;
    if (!oldest) return;
    this.first = oldest.seq;
    this.texts = [...messages.filter(isText), ...this.texts];
    if (TEXTS_MAX < this.texts.length) this.#trimNewest();
  }

  /**
   * Adds the page of history after the range.
   *
   * @param {Page} page
   * @param {number} head The room's newest seq.
   */
  extend({ messages, amendments = [] }, head) {
    const added = messages.filter(({ seq }) => this.last < seq);
    for (const message of [...added, ...amendments]) this.fold.apply(message);
    this.#push(added);
    this.#trimOldest(TEXTS_MAX);
    this.attached = head <= this.last;
    this.version += 1;
  }

  /**
   * Replaces the range with another part of the history.
   *
   * @param {Page} page
   * @param {number} head
   */
  replace({ messages, more, amendments = [] }, head) {
    this.#clear();
    for (const message of [...messages, ...amendments]) this.fold.apply(message);
    const [oldest] = messages;
    if (oldest) this.#startAt(oldest.seq);
    this.#push(messages);
    this.hasOlder = more;
    this.attached = head <= this.last;
    this.version += 1;
  }

  /** Starts over, since the log was replaced. */
  reset() {
    this.#clear();
    this.fold = new Fold();
    this.hasOlder = true;
    this.attached = true;
  }

  /** Keeps only a little of the room's end, since another room is active now. */
  moveToBackground() {
    this.inBackground = true;
    if (this.attached) this.#trimOldest(BACKGROUND_MAX);
    else this.#clear();
    this.version += 1;
  }

  /** @param {string} text */
  addNote(text) {
    this.notes = [...this.notes, { after: this.last, text, id: (this.#noteId += 1) }].slice(-NOTES_MAX);
    this.version += 1;
  }

  /** @param {number} seq */
  find(seq) {
    return this.texts.find((message) => message.seq === seq);
  }

  /** @param {number} seq */
  #startAt(seq) {
    this.first = seq;
    this.last = seq - 1;
    this.hasOlder = 1 < seq;
  }

  /** @param {readonly Message[]} messages */
  #push(messages) {
    this.texts.push(...messages.filter(isText));
    this.last = messages.at(-1)?.seq ?? this.last;
  }

  /** @param {number} max */
  #trimOldest(max) {
    const [oldest] = this.texts.splice(0, Math.max(0, this.texts.length - max)).slice(-1);
    if (!oldest) return;
    this.first = oldest.seq + 1;
    this.hasOlder = true;
    this.fold.prune(this.first, this.last);
    this.notes = this.notes.filter(({ after }) => this.first <= after);
  }

  #trimNewest() {
    this.texts.length = TEXTS_MAX;
    this.last = this.texts.at(-1)?.seq ?? this.last;
    this.attached = false;
    this.fold.prune(this.first, this.last);
    this.notes = this.notes.filter(({ after }) => after <= this.last);
  }

  #clear() {
    this.texts = [];
    this.notes = [];
    this.first = 1;
    this.last = 0;
  }
}

/** @param {Message} message */
function isText({ kind }) {
  return kind === "text";
}

// @ts-check
/**
 * The part of a room's history that is in memory: one run of the log without holes, of bounded
 * length, that grows at either end and is cut at the other.
 *
 * While its newest end is the room's, it is attached: live messages are appended. Once it was cut
 * there, or put elsewhere by a search, it is detached, and live messages are only counted until
 * reading on has brought it back to the room's end.
 *
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {import("../protocol/wire.js").Page} Page
 * @typedef {{ after: number, text: string, id: number }} Note A line of the page's own, behind a place.
 */
import { Fold } from "./fold.js";

/** The most texts of one room in memory; more are cut from the end that is farther away. */
export const TEXTS_MAX = 600;
/** The same for a room that is not looked at. */
export const BACKGROUND_MAX = 60;
/** The most lines of the page's own; the oldest go. */
const NOTES_MAX = 20;

export class Timeline {
  fold = new Fold();
  /** Texts only, ascending. @type {Message[]} */
  texts = [];
  /** @type {Note[]} */
  notes = [];
  /** Whether earlier messages may exist. */
  more = true;
  /** Whether its newest end is the room's. */
  attached = true;
  /** Whether nobody looks at it. */
  aside = true;
  /** Grows with each change. */
  version = 0;
  /** The places that it covers, of all kinds; nothing while `last < first`. */
  first = 1;
  last = 0;
  #notes = 0;

  get empty() {
    return this.last < this.first;
  }

  /**
   * Takes live messages: the room's newest, without a hole between them.
   *
   * @param {readonly Message[]} messages Of all kinds, ascending.
   * @param {boolean} follows Whether the reader is at the end: then the oldest texts may go.
   */
  append(messages, follows = true) {
    for (const message of messages) this.fold.take(message);
    this.version += 1;
    const [oldest] = messages;
    if (!this.attached || !oldest) return;
    if (!follows && TEXTS_MAX < this.texts.length + messages.filter(isText).length) {
      // Nothing is pulled away from under a reader: what is new is read on demand.
      this.attached = false;
      return;
    }
    // What is lost for good left a hole: what follows it starts anew.
    if (!this.empty && oldest.seq !== this.last + 1) this.#clear();
    if (this.empty) this.#begin(oldest.seq);
    this.#push(messages);
    this.#cutOldest(this.aside ? BACKGROUND_MAX : TEXTS_MAX);
  }

  /**
   * Takes the page of history before what is here, unless what was here is no longer so.
   *
   * @param {Page} page
   * @param {number} before The place that it was asked for.
   */
  prepend({ messages, more, amendments = [] }, before) {
    if (before !== this.first) return;
    for (const message of [...messages, ...amendments]) this.fold.take(message);
    const [oldest] = messages;
    this.more = more && oldest !== undefined;
    this.version += 1;
    if (!oldest) return;
    this.first = oldest.seq;
    this.texts = [...messages.filter(isText), ...this.texts];
    if (TEXTS_MAX < this.texts.length) this.#cutNewest();
  }

  /**
   * Takes the page of history after what is here.
   *
   * @param {Page} page
   * @param {number} head The room's newest place.
   */
  extend({ messages, amendments = [] }, head) {
    const fresh = messages.filter(({ seq }) => this.last < seq);
    for (const message of [...fresh, ...amendments]) this.fold.take(message);
    this.#push(fresh);
    this.#cutOldest(TEXTS_MAX);
    this.attached = head <= this.last;
    this.version += 1;
  }

  /**
   * Starts over with another part of the history.
   *
   * @param {Page} page
   * @param {number} head
   */
  replace({ messages, more, amendments = [] }, head) {
    this.#clear();
    for (const message of [...messages, ...amendments]) this.fold.take(message);
    const [oldest] = messages;
    if (oldest) this.#begin(oldest.seq);
    this.#push(messages);
    this.more = more;
    this.attached = head <= this.last;
    this.version += 1;
  }

  /** The log is another one: nothing of this one counts any more. */
  restart() {
    this.#clear();
    this.fold = new Fold();
    this.more = true;
    this.attached = true;
  }

  /** Nobody looks at it any more: keeps only a little of the room's end. */
  setAside() {
    this.aside = true;
    if (this.attached) this.#cutOldest(BACKGROUND_MAX);
    else this.#clear();
    this.version += 1;
  }

  /** @param {string} text */
  note(text) {
    this.notes = [...this.notes, { after: this.last, text, id: (this.#notes += 1) }].slice(-NOTES_MAX);
    this.version += 1;
  }

  /** @param {number} seq */
  at(seq) {
    return this.texts.find((message) => message.seq === seq);
  }

  /** @param {number} seq */
  #begin(seq) {
    this.first = seq;
    this.last = seq - 1;
    this.more = 1 < seq;
  }

  /** @param {readonly Message[]} messages */
  #push(messages) {
    this.texts.push(...messages.filter(isText));
    this.last = messages.at(-1)?.seq ?? this.last;
  }

  /** @param {number} max */
  #cutOldest(max) {
    const [oldest] = this.texts.splice(0, Math.max(0, this.texts.length - max)).slice(-1);
    if (!oldest) return;
    this.first = oldest.seq + 1;
    this.more = true;
    this.fold.keep(this.first, this.last);
    this.notes = this.notes.filter(({ after }) => this.first <= after);
  }

  #cutNewest() {
    this.texts.length = TEXTS_MAX;
    this.last = this.texts.at(-1)?.seq ?? this.last;
    this.attached = false;
    this.fold.keep(this.first, this.last);
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

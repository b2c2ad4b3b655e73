// @ts-check
/** What is said in the room that is looked at, and the way through it. */
import { html, nothing, render } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { marksOf } from "../model/users.js";
import { byTarget } from "../model/pending.js";
import { rowsOf } from "../model/rows.js";
import { element } from "./element.js";
import { ICONS } from "./icons.js";
import { line, pendingLine } from "./message.js";
import { Scroll } from "./scroll.js";

/**
 * @typedef {import("../app/joined_room.js").JoinedRoom} JoinedRoom
 * @typedef {import("../protocol/outbox.js").Entry} Entry
 * @typedef {import("../protocol/wire.js").User} User
 *
 * @typedef {object} Said What is to be shown.
 * @property {JoinedRoom} joined
 * @property {readonly Entry[]} entries What is not yet part of the room's history.
 * @property {User} me
 * @property {Iterable<User>} members
 * @property {number} now
 * @property {boolean} settled Whether it is known that there is no more.
 *
 * @typedef {object} ConversationActions
 * @property {() => void} older History before what is shown is wanted.
 * @property {() => void} newer
 * @property {() => void} latest
 * @property {() => void} moved The reader has moved.
 * @property {() => void} refresh
 */

/** History is fetched when less than this is left of what is here, in pixels. */
const AHEAD_PX = 800;

export class Conversation {
  #scroller = element("scroller", HTMLElement);
  #messages = element("messages", HTMLOListElement);
  #pending = element("pending", HTMLOListElement);
  #start = element("start", HTMLElement);
  #jump = element("jump", HTMLElement);
  /** The place of the message that is pointed at. @type {number | null} */
  #active = null;
  /** The place of the message that was searched for. @type {number | null} */
  #found = null;
  /** The room that is shown. @type {JoinedRoom | null} */
  #joined = null;
  /** The line that was brought into view since it was searched for. @type {Element | null} */
  #revealed = null;
  #ownId = "";
  #everShown = false;
  /** Where the pointer was last. @type {[x: number, y: number]} */
  #pointer = [-1, -1];
  #entries = 0;

  /**
   * @param {ConversationActions} act
   * @param {import("./message.js").MessageActions} messageActions
   */
  constructor(act, messageActions) {
    this.act = act;
    this.messageActions = messageActions;
    this.scroll = new Scroll(this.#scroller, () => {
      this.#fetch();
      act.moved();
    });
    this.#point("pointerover");
    this.#point("focusin");
    this.#point("click");
    this.#scroller.addEventListener("pointerleave", () => {
      if (!this.#scroller.contains(document.activeElement)) this.#activate(null);
    });
    this.#scroller.addEventListener("focusout", ({ relatedTarget }) => {
      // To nowhere: what had it is being drawn anew.
      if (relatedTarget instanceof Node && !this.#scroller.contains(relatedTarget)) this.#activate(null);
    });
    this.#scroller.addEventListener("keydown", (event) => this.#key(event));
  }

  /**
   * Whether the reader is at a room's end, as always in one that is not drawn yet.
   *
   * @param {JoinedRoom} joined
   */
  isAtEndOf(joined) {
    return joined !== this.#joined || this.scroll.atEnd;
  }

  /** @param {Said} said */
  render(said) {
    const { joined, entries, me, now } = said;
    const { timeline } = joined;
    if (joined !== this.#joined) this.#enter(joined);
    this.#ownId = me.id;
    const marks = marksOf(peopleOf(said));
    const around = {
      me,
      now,
      marks,
      fold: (/** @type {import("../protocol/wire.js").Message} */ message) => timeline.fold.of(message),
      pending: byTarget(entries),
      active: this.#active,
      found: this.#found,
      act: this.messageActions,
    };
    const rows = rowsOf(timeline.texts, timeline.notes, joined.divider);
    const waiting = entries.filter(({ kind, state }) => kind === undefined || state === "failed");
    // Who writes wants to see it.
    if (this.#entries < waiting.length) this.scroll.atEnd = true;
    this.#entries = waiting.length;
    this.scroll.keeping(() => {
      render(this.#startOf(said), this.#start);
      render(repeat(rows, ({ key }) => key, (row) => line(row, around)), this.#messages);
      const follows = timeline.texts.at(-1)?.author.id === me.id;
      render(
        repeat(waiting, ({ nonce }) => nonce, (entry, n) => pendingLine(entry, n === 0 && !follows, around)),
        this.#pending,
      );
    });
    if (0 < rows.length && !this.#everShown) {
      this.#everShown = true;
      // For whoever measures how long it takes until something can be read.
      performance.mark("chorus:shown");
    }
    this.#renderJump(joined);
    this.#fetch();
  }

  /** To the room's end. */
  toEnd() {
    this.#found = null;
    if (!this.#joined?.timeline.attached) this.act.latest();
    this.scroll.toEnd();
    this.act.moved();
    this.act.refresh();
  }

  /**
   * To a message that is here.
   *
   * @param {number} seq
   */
  reveal(seq) {
    this.#found = seq;
    this.scroll.atEnd = false;
    this.act.refresh();
  }

  /** After a render: the message that was searched for is brought into view, once. */
  settle() {
    if (this.#found === null) return;
    const found = this.#line(this.#found);
    if (!found || found === this.#revealed) return;
    this.#revealed = found;
    this.scroll.toLine(found);
    this.#renderJump(this.#joined);
  }

  /** @param {JoinedRoom} joined */
  #enter(joined) {
    this.#joined = joined;
    this.#active = null;
    this.#found = null;
    this.#entries = 0;
    this.scroll.atEnd = true;
    this.#scroller.setAttribute("aria-label", `Messages in ${joined.name}`);
  }

  /** @param {Said} said */
  #startOf({ joined, settled }) {
    const { timeline } = joined;
    if (joined.loading === "older") return html`<p class="loading">Loading earlier messages…</p>`;
    if (timeline.texts.length === 0) {
      if (!settled) return nothing;
      return html`<p id="empty">Nothing has been said in <strong>${joined.name}</strong> yet.<br>Say something: everyone who enters will find it here.</p>`;
    }
    return timeline.more ? html`<p class="loading"></p>` : html`<p class="loading">This is where <strong>${joined.name}</strong> begins.</p>`;
  }

  /** @param {JoinedRoom | null} joined */
  #renderJump(joined) {
    const away = joined !== null && (!this.scroll.atEnd || !joined.timeline.attached);
    const text = joined && 0 < joined.unread ? `${joined.unread} new` : "Latest";
    const button = html`<button id="newer" type="button" @click=${() => this.toEnd()}>${text} ${ICONS.down}</button>`;
    render(away ? button : nothing, this.#jump);
  }

  /** Fetches what will soon be needed. */
  #fetch() {
    const timeline = this.#joined?.timeline;
    if (!timeline || this.#joined?.loading) return;
    if (timeline.more && !timeline.empty && this.scroll.above < AHEAD_PX) this.act.older();
    else if (!timeline.attached && this.scroll.below < AHEAD_PX) this.act.newer();
  }

  /** @param {"pointerover" | "focusin" | "click"} event */
  #point(event) {
    this.#scroller.addEventListener(event, (happened) => {
      const { target } = happened;
      if (happened instanceof PointerEvent && event === "pointerover" && !this.#hasMoved(happened)) return;
      const message = target instanceof Element ? target.closest("li[data-seq]") : null;
      if (message instanceof HTMLElement) this.#activate(Number(message.dataset.seq));
    });
  }

  /**
   * Whether the pointer has moved, and not the lines below it: then what it pointed at stays chosen.
   *
   * @param {PointerEvent} event
   */
  #hasMoved({ clientX, clientY }) {
    const [x, y] = this.#pointer;
    this.#pointer = [clientX, clientY];
    return x !== clientX || y !== clientY;
  }

  /** @param {number | null} seq */
  #activate(seq) {
    if (seq === this.#active) return;
    this.#active = seq;
    this.act.refresh();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof Element)) return;
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      if (this.#step(event.target, event.key === "ArrowUp")) event.preventDefault();
      return;
    }
    const joined = this.#joined;
    const seq = Number(event.target.closest("li")?.dataset.seq);
    const message = joined?.timeline.at(seq);
    if (!joined || !message || event.target.closest("button")) return;
    const { text, deleted } = joined.timeline.fold.of(message);
    const done = !deleted && this.#does(event.key.toLowerCase(), message, text);
    if (done) event.preventDefault();
  }

  /**
   * @param {string} key
   * @param {import("../protocol/wire.js").Message} message
   * @param {string} text
   */
  #does(key, message, text) {
    const own = message.author.id === this.#ownId;
    if (key === "r") this.messageActions.reply(message, text);
    else if (key === "c") this.messageActions.copy(text);
    else if (key === "e" && own) this.messageActions.edit(message, text);
    else if (key === "delete" && own) this.messageActions.remove(message.seq);
    else if (key === "+") this.#firstTool();
    else return false;
    return true;
  }

  #firstTool() {
    // The message that was just reached has its tools once it is drawn.
    requestAnimationFrame(() => {
      const tool = this.#active === null ? null : this.#line(this.#active)?.querySelector(".tools button");
      if (tool instanceof HTMLElement) tool.focus();
    });
  }

  /**
   * Moves the focus from message to message.
   *
   * @param {Element} from
   * @param {boolean} up
   */
  #step(from, up) {
    const lines = [...this.#messages.querySelectorAll("li[data-seq]")];
    const at = lines.indexOf(from.closest("li[data-seq]") ?? from);
    const next = at === -1 ? (up ? lines.at(-1) : undefined) : lines[at + (up ? -1 : 1)];
    if (!(next instanceof HTMLElement)) return false;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
    return true;
  }

  /** @param {number} seq */
  #line(seq) {
    return this.#messages.querySelector(`li[data-seq="${seq}"]`);
  }
}

/** @param {Said} said */
function* peopleOf({ joined, me, members }) {
  yield me;
  yield* members;
  for (const { author } of joined.timeline.texts) yield author;
}

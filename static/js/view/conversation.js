// @ts-check
/** The conversation: draws the active room's messages, and handles pointer and keyboard on them. */
import { html, nothing, render } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { byTarget } from "../model/pending.js";
import { rowsOf } from "../model/rows.js";
import { marksOf } from "../model/users.js";
import { element } from "./element.js";
import { ICONS } from "./icons.js";
import { pendingRow, rowTemplate } from "./message.js";
import { Scroll } from "./scroll.js";

/**
 * @typedef {import("../app/joined_room.js").JoinedRoom} JoinedRoom
 * @typedef {import("../protocol/outbox.js").Entry} Entry
 * @typedef {import("../protocol/wire.js").User} User
 *
 * @typedef {object} ConversationState
 * @property {JoinedRoom} joined
 * @property {readonly Entry[]} entries The outbox's entries of this room.
 * @property {User} me
 * @property {Iterable<User>} members
 * @property {number} now
 * @property {boolean} live Whether everything known to exist has arrived.
 *
 * @typedef {object} ConversationActions
 * @property {() => void} loadOlder
 * @property {() => void} loadNewer
 * @property {() => void} loadNewest
 * @property {() => void} scrolled
 * @property {() => void} invalidate
 */

/** More history is loaded when less than this is left beyond the view, in pixels. */
const PRELOAD_PX = 800;

export class Conversation {
  #scroller = element("scroller", HTMLElement);
  #messages = element("messages", HTMLOListElement);
  #pending = element("pending", HTMLOListElement);
  #start = element("start", HTMLElement);
  #jump = element("jump", HTMLElement);
  /** The seq of the message that has the pointer or the focus. @type {number | null} */
  #active = null;
  /** The seq of the message that was opened from the search. @type {number | null} */
  #found = null;
  /** The line of that message, once it was scrolled into view. @type {Element | null} */
  #revealed = null;
  #ownId = "";
  #everDrawn = false;
  /** The last pointer position. @type {[x: number, y: number]} */
  #pointer = [-1, -1];
  /** How many pending rows were drawn last. */
  #pendingCount = 0;

  /**
   * @param {import("./viewport.js").Viewport} viewport
   * @param {ConversationActions} actions
   * @param {import("./message.js").MessageActions} messageActions
   */
  constructor(viewport, actions, messageActions) {
    this.viewport = viewport;
    this.actions = actions;
    this.messageActions = messageActions;
    this.scroll = new Scroll(this.#scroller, viewport, () => {
      this.#preload();
      actions.scrolled();
    });
    this.#activateOn("pointerover");
    this.#activateOn("focusin");
    this.#activateOn("click");
    this.#scroller.addEventListener("pointerleave", () => {
      if (!this.#scroller.contains(document.activeElement)) this.#activate(null);
    });
    this.#scroller.addEventListener("focusout", ({ relatedTarget }) => {
      // Without a target, the focused element is only being drawn again.
      if (relatedTarget instanceof Node && !this.#scroller.contains(relatedTarget)) this.#activate(null);
    });
    this.#scroller.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** @param {ConversationState} state */
  render(state) {
    const { joined, entries, me, now } = state;
    const { timeline } = joined;
    if (joined !== this.viewport.room) this.#enter(joined);
    this.#ownId = me.id;
    const context = {
      me,
      now,
      marks: marksOf(usersIn(state)),
      fold: (/** @type {import("../protocol/wire.js").Message} */ message) => timeline.fold.resolve(message),
      pending: byTarget(entries),
      active: this.#active,
      found: this.#found,
      actions: this.messageActions,
    };
    const rows = rowsOf(timeline.texts, timeline.notes, joined.divider);
    const pending = entries.filter(({ kind, state }) => kind === undefined || state === "failed");
    // A new message of one's own is scrolled into view.
    if (this.#pendingCount < pending.length) this.viewport.atEnd = true;
    this.#pendingCount = pending.length;
    this.scroll.preserve(() => {
      render(this.#startOf(state), this.#start);
      render(repeat(rows, ({ key }) => key, (row) => rowTemplate(row, context)), this.#messages);
      const continuesGroup = timeline.texts.at(-1)?.author.id === me.id;
      render(
        repeat(pending, ({ nonce }) => nonce, (entry, n) => pendingRow(entry, n === 0 && !continuesGroup, context)),
        this.#pending,
      );
    });
    if (0 < rows.length && !this.#everDrawn) {
      this.#everDrawn = true;
      // Measured by the browser tests: how long it takes until a message can be read.
      performance.mark("chorus:shown");
    }
    this.#renderJump(joined);
    this.#preload();
    this.#scrollToFound();
  }

  /** Goes to the room's newest message. */
  toEnd() {
    this.#found = null;
    if (!this.viewport.room?.timeline.attached) this.actions.loadNewest();
    this.scroll.toEnd();
    this.actions.scrolled();
    this.actions.invalidate();
  }

  /**
   * Goes to a message that is in memory, and highlights it.
   *
   * @param {number} seq
   */
  reveal(seq) {
    this.#found = seq;
    this.viewport.atEnd = false;
    this.actions.invalidate();
  }

  /** Scrolls the message that was opened from the search into view, once. */
  #scrollToFound() {
    if (this.#found === null) return;
    const found = this.#line(this.#found);
    if (!found || found === this.#revealed) return;
    this.#revealed = found;
    this.scroll.toLine(found);
    this.#renderJump(this.viewport.room);
  }

  /** @param {JoinedRoom} joined */
  #enter(joined) {
    this.#active = null;
    this.#found = null;
    this.#pendingCount = 0;
    this.viewport.room = joined;
    this.viewport.atEnd = true;
    this.#scroller.setAttribute("aria-label", `Messages in ${joined.name}`);
  }

  /** @param {ConversationState} state */
  #startOf({ joined, live }) {
    const { timeline } = joined;
    if (joined.loading === "older") return html`<p class="loading">Loading earlier messages…</p>`;
    if (timeline.texts.length === 0) {
      if (!live) return nothing;
      return html`<p id="empty">Nothing has been said in <strong>${joined.name}</strong> yet.<br>Say something: everyone who enters will find it here.</p>`;
    }
    return timeline.hasOlder ? html`<p class="loading"></p>` : html`<p class="loading">This is where <strong>${joined.name}</strong> begins.</p>`;
  }

  /** @param {JoinedRoom | null} joined */
  #renderJump(joined) {
    const away = joined !== null && (!this.viewport.atEnd || !joined.timeline.attached);
    const text = joined && 0 < joined.unread ? `${joined.unread} new` : "Latest";
    const button = html`<button id="newer" type="button" @click=${() => this.toEnd()}>${text} ${ICONS.down}</button>`;
    render(away ? button : nothing, this.#jump);
  }

  /** Loads history before the reader reaches its end. */
  #preload() {
    const joined = this.viewport.room;
    if (!joined || joined.loading) return;
    const { timeline } = joined;
    if (timeline.hasOlder && !timeline.empty && this.scroll.above < PRELOAD_PX) this.actions.loadOlder();
    else if (!timeline.attached && this.scroll.below < PRELOAD_PX) this.actions.loadNewer();
  }

  /** @param {"pointerover" | "focusin" | "click"} type */
  #activateOn(type) {
    this.#scroller.addEventListener(type, (event) => {
      const { target } = event;
      if (event instanceof PointerEvent && type === "pointerover" && !this.#pointerMoved(event)) return;
      const message = target instanceof Element ? target.closest("li[data-seq]") : null;
      if (message instanceof HTMLElement) this.#activate(Number(message.dataset.seq));
    });
  }

  /**
   * Whether the pointer itself has moved, rather than the lines below it.
   *
   * @param {PointerEvent} event
   */
  #pointerMoved({ clientX, clientY }) {
    const [x, y] = this.#pointer;
    this.#pointer = [clientX, clientY];
    return x !== clientX || y !== clientY;
  }

  /** @param {number | null} seq */
  #activate(seq) {
    if (seq === this.#active) return;
    this.#active = seq;
    this.actions.invalidate();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof Element)) return;
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      if (this.#moveFocus(event.target, event.key === "ArrowUp")) event.preventDefault();
      return;
    }
    const joined = this.viewport.room;
    const seq = Number(event.target.closest("li")?.dataset.seq);
    const message = joined?.timeline.find(seq);
    if (!joined || !message || event.target.closest("button")) return;
    const { text, deleted } = joined.timeline.fold.resolve(message);
    if (!deleted && this.#runMessageKey(event.key.toLowerCase(), message, text)) event.preventDefault();
  }

  /**
   * @param {string} key
   * @param {import("../protocol/wire.js").Message} message
   * @param {string} text
   * @returns {boolean} Whether the key has a meaning.
   */
  #runMessageKey(key, message, text) {
    const own = message.author.id === this.#ownId;
    if (key === "r") this.messageActions.reply(message, text);
    else if (key === "c") this.messageActions.copy(text);
    else if (key === "e" && own) this.messageActions.edit(message, text);
    else if (key === "delete" && own) this.messageActions.remove(message.seq);
    else if (key === "+") this.#focusToolbar();
    else return false;
    return true;
  }

  #focusToolbar() {
    // A message that was just focused gets its toolbar in the next frame.
    requestAnimationFrame(() => {
      const tool = this.#active === null ? null : this.#line(this.#active)?.querySelector(".tools button");
      if (tool instanceof HTMLElement) tool.focus();
    });
  }

  /**
   * Moves the focus to the next or previous message.
   *
   * @param {Element} from
   * @param {boolean} up
   */
  #moveFocus(from, up) {
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

/** @param {ConversationState} state */
function* usersIn({ joined, me, members }) {
  yield me;
  yield* members;
  for (const { author } of joined.timeline.texts) yield author;
}

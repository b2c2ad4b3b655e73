// @ts-check
/**
 * The page's elements. It is told what to show and decides nothing; people's words reach the
 * document as text only.
 *
 * @typedef {import("./outbox.js").Entry} Entry
 * @typedef {import("./wire.js").Message} Message
 */

/** How many lines the document holds; older ones leave it. */
export const LINES_MAX = 500;
/** Reading the end means being at most so far from it, in pixels. */
const END_PX = 48;

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const IN_FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** @type {Record<Entry["state"], string>} */
const STATES = { waiting: "waiting", sending: "sending…", stored: "sent", failed: "not sent" };

export class View {
  #scroller = element("scroller", HTMLElement);
  #messages = element("messages", HTMLOListElement);
  #pending = element("pending", HTMLOListElement);
  #empty = element("empty", HTMLElement);
  #banner = element("banner", HTMLElement);
  #newer = element("newer", HTMLButtonElement);
  #node = element("node", HTMLElement);
  #room = element("room", HTMLInputElement);
  #name = element("name", HTMLInputElement);
  #form = element("form", HTMLFormElement);
  #input = element("input", HTMLTextAreaElement);
  #hint = element("hint", HTMLElement);

  /**
   * @param {object} on What people do.
   * @param {(text: string) => string | null} on.write Answers why not, or `null` if it was taken.
   * @param {(name: string) => void} on.rename
   * @param {(room: string) => void} on.enter
   * @param {(nonce: string) => void} on.retry
   * @param {(nonce: string) => void} on.discard
   */
  constructor(on) {
    this.on = on;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#write();
    });
    this.#input.addEventListener("keydown", (event) => {
      // An input method's Enter ends a word, not the message.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#write();
    });
    this.#input.addEventListener("input", () => this.hint(""));
    submitted(this.#name, (name) => on.rename(name));
    submitted(this.#room, (room) => on.enter(room));
    this.#newer.addEventListener("click", () => this.#toEnd());
    this.#scroller.addEventListener("scroll", () => {
      if (this.#atEnd()) this.#newer.hidden = true;
    });
  }

  /** @param {string} name */
  room(name) {
    this.#room.value = name;
    this.#input.placeholder = `Message to ${name}`;
    document.title = `${name} · Chorus`;
  }

  /** @param {string} name */
  name(name) {
    // Not while it is being typed.
    if (document.activeElement !== this.#name) this.#name.value = name;
  }

  /** @param {string} node The node that serves us; empty if none does. */
  node(node) {
    this.#node.textContent = node ? `connected to node ${node}` : "not connected";
    this.#node.classList.toggle("off", !node);
  }

  /** @param {{ tone: string, text: string }} status */
  status({ tone, text }) {
    this.#banner.hidden = text === "";
    this.#banner.dataset.tone = tone;
    this.#banner.textContent = text;
  }

  /** @param {string} text What is wrong with what was written; empty if nothing is. */
  hint(text) {
    this.#hint.textContent = text;
    this.#hint.hidden = text === "";
  }

  clear() {
    this.#messages.replaceChildren();
    this.#newer.hidden = true;
    this.#showEmpty();
  }

  /**
   * Appends messages.
   *
   * @param {readonly Message[]} messages
   * @param {string} ownId
   */
  show(messages, ownId) {
    this.#append(messages.map((message) => messageLine(message, message.author.id === ownId)));
  }

  /**
   * Appends a line of the page's own.
   *
   * @param {string} text
   */
  note(text) {
    const line = make("li", "note", text);
    line.setAttribute("role", "note");
    this.#append([line]);
  }

  /**
   * Shows what is not yet part of the room's messages, behind them.
   *
   * @param {readonly Entry[]} entries
   * @param {string} author
   */
  pending(entries, author) {
    const more = this.#pending.childElementCount < entries.length;
    const follow = more || this.#atEnd();
    this.#pending.replaceChildren(...entries.map((entry) => this.#pendingLine(entry, author)));
    this.#showEmpty();
    if (follow) this.#toEnd();
  }

  #write() {
    const problem = this.on.write(this.#input.value);
    if (problem === null) this.#input.value = "";
    this.hint(problem ?? "");
  }

  /** @param {HTMLElement[]} lines */
  #append(lines) {
    if (lines.length === 0) return;
    const follow = this.#atEnd();
    this.#messages.append(...lines.slice(-LINES_MAX));
    while (LINES_MAX < this.#messages.childElementCount) this.#messages.firstElementChild?.remove();
    this.#showEmpty();
    if (follow) this.#toEnd();
    else this.#newer.hidden = false;
  }

  /**
   * @param {Entry} entry
   * @param {string} author
   */
  #pendingLine({ nonce, text, writtenAt, state, reason }, author) {
    const line = make("li", `own ${state}`);
    line.dataset.nonce = nonce;
    // Beside the time, so that the line keeps its height when it becomes a message.
    const fate = make("span", "fate", reason ? `${STATES[state]}: ${reason}` : STATES[state]);
    const words = make("p", "text", text);
    if (state === "failed") {
      fate.append(
        button("Send again", () => this.on.retry(nonce)),
        button("Discard", () => this.on.discard(nonce)),
      );
    }
    line.append(make("span", "author", author), timeOf(writtenAt));
    line.append(...(state === "failed" ? [words, fate] : [fate, words]));
    return line;
  }

  #showEmpty() {
    this.#empty.hidden = 0 < this.#messages.childElementCount + this.#pending.childElementCount;
  }

  #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight <= END_PX;
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#newer.hidden = true;
  }
}

/**
 * @param {Message} message
 * @param {boolean} own
 */
function messageLine({ seq, author, text, at, node }, own) {
  const line = make("li", own ? "own" : "");
  line.dataset.seq = String(seq);
  line.dataset.author = author.id;
  if (node) line.title = `by way of node ${node}`;
  line.append(make("span", "author", author.name), timeOf(at), make("p", "text", text));
  return line;
}

/** @param {number} at */
function timeOf(at) {
  const date = new Date(at);
  const time = document.createElement("time");
  if (Number.isNaN(date.getTime())) return time;
  const today = date.toDateString() === new Date().toDateString();
  time.dateTime = date.toISOString();
  time.title = IN_FULL.format(date);
  time.textContent = (today ? TIME : DAY_AND_TIME).format(date);
  return time;
}

/**
 * Runs `then` when a field's text was changed and Enter pressed, or the field left.
 *
 * @param {HTMLInputElement} field
 * @param {(value: string) => void} then
 */
function submitted(field, then) {
  field.addEventListener("change", () => then(field.value.trim()));
  field.form?.addEventListener("submit", (event) => {
    event.preventDefault();
    field.blur();
  });
}

/**
 * @param {string} label
 * @param {() => void} pressed
 */
function button(label, pressed) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.addEventListener("click", pressed);
  return made;
}

/**
 * @param {string} tag
 * @param {string} className
 * @param {string} [text]
 */
function make(tag, className, text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
function element(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no #${id}`);
  return found;
}

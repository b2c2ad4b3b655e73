// @ts-check
/** Where one writes: a room's draft, edits of what was said, and names after an `@`. */
import { html, nothing, render } from "lit-html";
import { mentionBefore, withMention } from "../model/mentions.js";
import { nameKey, displayName } from "../model/users.js";
import { element } from "./element.js";
import { ICONS } from "./icons.js";
import { avatar, iconButton, personName } from "./parts.js";

/**
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {import("../protocol/wire.js").User} User
 *
 * @typedef {object} ComposerActions
 * @property {(text: string) => string | null} write Answers why not, or `null` if it was taken.
 * @property {(seq: number, text: string) => string | null} edit
 * @property {() => void} typing
 * @property {() => void} editLast The last own message is to be edited.
 * @property {() => Iterable<User>} people Who can be called upon.
 */

/** How many names are offered. */
const NAMES_MAX = 6;

export class Composer {
  #form = element("form", HTMLFormElement);
  #input = element("input", HTMLTextAreaElement);
  #modeLine = element("mode", HTMLElement);
  #names = element("names", HTMLElement);
  #hint = element("hint", HTMLElement);
  /** Names that fit what is written. @type {{ users: User[], from: number, at: number } | null} */
  #offer = null;

  /**
   * @param {import("../model/composer_state.js").ComposerState} writing
   * @param {ComposerActions} act
   */
  constructor(writing, act) {
    this.writing = writing;
    this.act = act;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.#input.addEventListener("input", () => this.#changed());
    this.#input.addEventListener("blur", () => this.#offerNames(false));
  }

  focus() {
    this.#input.focus();
  }

  /** @param {string} room */
  room(room) {
    this.writing.enter(room);
    this.#show();
    this.#input.placeholder = `Message to ${room}`;
    this.#input.setAttribute("aria-label", `Message to ${room}`);
  }

  /** @param {string} text What is wrong with what was written; empty if nothing is. */
  hint(text) {
    this.#hint.textContent = text;
    this.#hint.hidden = text === "";
  }

  /**
   * Begins an answer, before what the draft has; an edit waits.
   *
   * @param {Message} message
   * @param {string} text
   */
  reply({ author }, text) {
    const [first = ""] = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith(">"));
    const quote = first.length < 120 ? first : `${first.slice(0, 119)}…`;
    this.writing.draft();
    this.#show();
    this.#put(`> ${quote}\n@${displayName(author.name)} ${this.writing.text}`);
    this.#changed();
    this.focus();
  }

  /**
   * Begins an edit, or goes on with it; the draft and other edits wait.
   *
   * @param {number} seq
   * @param {string} text What the message says.
   */
  edit(seq, text) {
    this.writing.edit(seq, text);
    this.#show();
    this.focus();
  }

  /** @returns {boolean} Whether there was something to give up. */
  #giveUp() {
    if (this.#offer) {
      this.#offerNames(false);
      return true;
    }
    if (this.writing.editing === null) return false;
    this.writing.end();
    this.#show();
    return true;
  }

  #submit() {
    const text = this.#input.value;
    const { editing } = this.writing;
    const problem = editing === null ? this.act.write(text) : this.act.edit(editing, text);
    this.hint(problem ?? "");
    if (problem !== null) return;
    this.writing.end();
    this.#show();
    this.#offerNames(false);
  }

  #changed() {
    this.hint("");
    this.writing.write(this.#input.value);
    if (this.#input.value !== "") this.act.typing();
    this.#offerNames(true);
    this.#grow();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // An input method's keys are its own.
    if (event.isComposing) return;
    if (this.#offer && this.#chooses(event.key)) {
      event.preventDefault();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Escape" && this.#giveUp()) {
      event.preventDefault();
    } else if (event.key === "ArrowUp" && this.#input.value === "") {
      event.preventDefault();
      this.act.editLast();
    }
  }

  /** @param {string} key */
  #chooses(key) {
    const offer = this.#offer;
    if (!offer) return false;
    if (key === "ArrowDown" || key === "ArrowUp") {
      const step = key === "ArrowDown" ? 1 : offer.users.length - 1;
      this.#offer = { ...offer, at: (offer.at + step) % offer.users.length };
      this.#renderNames();
      return true;
    }
    const user = offer.users[offer.at];
    if ((key !== "Enter" && key !== "Tab") || !user) return false;
    this.call(user);
    return true;
  }

  /** @param {User} user */
  call(user) {
    const { selectionStart, value } = this.#input;
    const { text, caret } = withMention(value, selectionStart, displayName(user.name), this.#offer?.from);
    this.#put(text);
    this.#input.setSelectionRange(caret, caret);
    this.#changed();
    this.focus();
  }

  /** @param {boolean} wanted */
  #offerNames(wanted) {
    const { selectionStart, value } = this.#input;
    const begun = wanted ? mentionBefore(value, selectionStart) : null;
    const users = begun ? this.#namesLike(begun.prefix) : [];
    this.#offer = begun && 0 < users.length ? { users, from: begun.from, at: 0 } : null;
    this.#renderNames();
  }

  /** @param {string} prefix */
  #namesLike(prefix) {
    const key = prefix.trim() === "" ? "" : nameKey(prefix);
    /** @type {Map<string, User>} */
    const byName = new Map();
    for (const user of this.act.people()) {
      const name = nameKey(user.name);
      // What is complete needs no offer.
      if (name.startsWith(key) && name !== key && !byName.has(name)) byName.set(name, user);
    }
    return [...byName.values()].slice(0, NAMES_MAX);
  }

  #renderNames() {
    const offer = this.#offer;
    if (offer) this.#input.setAttribute("aria-activedescendant", `name-${offer.at}`);
    else this.#input.removeAttribute("aria-activedescendant");
    this.#names.hidden = offer === null;
    const options = offer?.users.map(
      (user, n) => html`<li id=${`name-${n}`} role="option" aria-selected=${String(n === offer.at)}
        @pointerdown=${(/** @type {Event} */ event) => event.preventDefault()} @click=${() => this.call(user)}>${avatar(user)} ${personName(user)}</li>`,
    );
    render(options ?? nothing, this.#names);
  }

  /** Shows what is written now, whichever it is. */
  #show() {
    this.#put(this.writing.text);
    this.hint("");
    this.#form.classList.toggle("editing", this.writing.editing !== null);
    render(this.#mode(), this.#modeLine);
  }

  #mode() {
    const { editing, waiting } = this.writing;
    if (editing !== null) {
      return html`<span>Editing your message. <kbd>Esc</kbd> gives it up.</span>${iconButton("Give up editing", ICONS.close, () => this.#giveUp())}`;
    }
    if (waiting === null) return nothing;
    return html`<span>A message that you began to edit waits.</span><button type="button" @click=${() => this.edit(waiting, "")}>Go on</button>`;
  }

  /** @param {string} text */
  #put(text) {
    this.#input.value = text;
    this.#grow();
  }

  /** For browsers that do not let a field grow by themselves. */
  #grow() {
    this.#input.rows = Math.min(8, this.#input.value.split("\n").length);
  }
}

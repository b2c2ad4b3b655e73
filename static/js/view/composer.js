// @ts-check
/** The composer: the input field for drafts and edits, and the suggestions of names after an `@`. */
import { html, nothing, render } from "lit-html";
import { mentionBefore, withMention } from "../model/mentions.js";
import { displayName, nameKey } from "../model/users.js";
import { element } from "./element.js";
import { ICONS } from "./icons.js";
import { avatar, iconButton, personName } from "./parts.js";

/**
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {import("../protocol/wire.js").User} User
 *
 * @typedef {object} ComposerActions
 * @property {(text: string) => string | null} post Returns why it was rejected, or `null` if it was accepted.
 * @property {(seq: number, text: string) => string | null} edit
 * @property {() => void} typing
 * @property {() => { seq: number, text: string } | null} lastOwn The user's last message, unless it was deleted.
 * @property {() => Iterable<User>} users Who can be mentioned.
 */

/** How many names are suggested. */
const SUGGESTIONS_MAX = 6;

export class Composer {
  #form = element("form", HTMLFormElement);
  #input = element("input", HTMLTextAreaElement);
  #modeLine = element("mode", HTMLElement);
  #names = element("names", HTMLElement);
  #hint = element("hint", HTMLElement);
  /** The users suggested for the mention that begins at `from`; `selected` is an index. @type {{ users: User[], from: number, selected: number } | null} */
  #suggestions = null;

  /**
   * @param {import("../model/composer_state.js").ComposerState} state
   * @param {ComposerActions} actions
   */
  constructor(state, actions) {
    this.state = state;
    this.actions = actions;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    this.#input.addEventListener("input", () => this.#onInput());
    this.#input.addEventListener("blur", () => this.#hideSuggestions());
  }

  focus() {
    this.#input.focus();
  }

  /** @param {string} room */
  enterRoom(room) {
    this.state.enterRoom(room);
    this.#showState();
    this.#input.placeholder = `Message to ${room}`;
    this.#input.setAttribute("aria-label", `Message to ${room}`);
  }

  /** Shows what is wrong with the input; an empty text hides it. @param {string} text */
  hint(text) {
    this.#hint.textContent = text;
    this.#hint.hidden = text === "";
  }

  /**
   * Starts a reply at the beginning of the draft; an edit is suspended.
   *
   * @param {Message} message
   * @param {string} text
   */
  reply({ author }, text) {
    const [first = ""] = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith(">"));
    const quote = first.length < 120 ? first : `${first.slice(0, 119)}…`;
    this.state.showDraft();
    this.#showState();
    this.#setInput(`> ${quote}\n@${displayName(author.name)} ${this.state.text}`);
    this.#onInput();
    this.focus();
  }

  /**
   * Starts or resumes an edit; the draft and other edits are suspended.
   *
   * @param {number} seq
   * @param {string} text The message's current text.
   */
  edit(seq, text) {
    this.state.startEdit(seq, text);
    this.#showState();
    this.focus();
  }

  /**
   * Inserts a mention, or completes the one that is being typed.
   *
   * @param {User} user
   */
  mention(user) {
    const { selectionStart, value } = this.#input;
    const { text, caret } = withMention(value, selectionStart, displayName(user.name), this.#suggestions?.from);
    this.#setInput(text);
    this.#input.setSelectionRange(caret, caret);
    this.#onInput();
    this.focus();
  }

  /** Hides the suggestions or cancels the edit. @returns {boolean} Whether there was one of them. */
  #cancel() {
    if (this.#suggestions) {
      this.#hideSuggestions();
      return true;
    }
    if (this.state.editing === null) return false;
    this.state.finish();
    this.#showState();
    return true;
  }

  #submit() {
    const text = this.#input.value;
    const { editing } = this.state;
    const problem = editing === null ? this.actions.post(text) : this.actions.edit(editing, text);
    this.hint(problem ?? "");
    if (problem !== null) return;
    this.state.finish();
    this.#showState();
    this.#hideSuggestions();
  }

  #onInput() {
    this.hint("");
    this.state.update(this.#input.value);
    if (this.#input.value !== "") this.actions.typing();
    this.#suggestNames();
    this.#resize();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    // Keys of an input method's composition are not ours.
    if (event.isComposing) return;
    if (this.#suggestions && this.#selectSuggestion(event.key)) {
      event.preventDefault();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Escape" && this.#cancel()) {
      event.preventDefault();
    } else if (event.key === "ArrowUp" && this.#input.value === "") {
      event.preventDefault();
      const last = this.actions.lastOwn();
      if (last) this.edit(last.seq, last.text);
    }
  }

  /** @param {string} key @returns {boolean} Whether the key was used. */
  #selectSuggestion(key) {
    const suggestions = this.#suggestions;
    if (!suggestions) return false;
    const { users, selected } = suggestions;
    if (key === "ArrowDown" || key === "ArrowUp") {
      const step = key === "ArrowDown" ? 1 : users.length - 1;
      this.#suggestions = { ...suggestions, selected: (selected + step) % users.length };
      this.#renderSuggestions();
      return true;
    }
    const user = users[selected];
    if ((key !== "Enter" && key !== "Tab") || !user) return false;
    this.mention(user);
    return true;
  }

  #suggestNames() {
    const { selectionStart, value } = this.#input;
    const begun = mentionBefore(value, selectionStart);
    const users = begun ? this.#usersLike(begun.prefix) : [];
    this.#suggestions = begun && 0 < users.length ? { users, from: begun.from, selected: 0 } : null;
    this.#renderSuggestions();
  }

  #hideSuggestions() {
    this.#suggestions = null;
    this.#renderSuggestions();
  }

  /** @param {string} prefix */
  #usersLike(prefix) {
    const key = prefix.trim() === "" ? "" : nameKey(prefix);
    /** @type {Map<string, User>} */
    const byName = new Map();
    for (const user of this.actions.users()) {
      const name = nameKey(user.name);
      // A name that is typed in full is not suggested.
      if (name.startsWith(key) && name !== key && !byName.has(name)) byName.set(name, user);
    }
    return [...byName.values()].slice(0, SUGGESTIONS_MAX);
  }

  #renderSuggestions() {
    const suggestions = this.#suggestions;
    if (suggestions) this.#input.setAttribute("aria-activedescendant", `name-${suggestions.selected}`);
    else this.#input.removeAttribute("aria-activedescendant");
    this.#names.hidden = suggestions === null;
    const options = suggestions?.users.map(
      (user, n) => html`<li id=${`name-${n}`} role="option" aria-selected=${String(n === suggestions.selected)}
        @pointerdown=${(/** @type {Event} */ event) => event.preventDefault()} @click=${() => this.mention(user)}>${avatar(user)} ${personName(user)}</li>`,
    );
    render(options ?? nothing, this.#names);
  }

  /** Shows the draft or edit that belongs into the field. */
  #showState() {
    this.#setInput(this.state.text);
    this.hint("");
    this.#form.classList.toggle("editing", this.state.editing !== null);
    render(this.#mode(), this.#modeLine);
  }

  #mode() {
    const { editing, suspended } = this.state;
    if (editing !== null) {
      return html`<span>Editing your message. <kbd>Esc</kbd> cancels.</span>${iconButton("Cancel editing", ICONS.close, () => this.#cancel())}`;
    }
    if (suspended === null) return nothing;
    return html`<span>You have an unfinished edit.</span><button type="button" @click=${() => this.edit(suspended, "")}>Continue</button>`;
  }

  /** @param {string} text */
  #setInput(text) {
    this.#input.value = text;
    this.#resize();
  }

  /** For browsers without `field-sizing`. */
  #resize() {
    this.#input.rows = Math.min(8, this.#input.value.split("\n").length);
  }
}

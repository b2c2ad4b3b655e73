// @ts-check
/** The modal dialogs: help, confirmation, and the user's profile. */
import { html, nothing, render } from "lit-html";
import { utf8Length } from "../protocol/wire.js";
import { hueOf, NAME_BYTES_MAX, displayName } from "../model/users.js";
import { element } from "./element.js";
import { avatar, personName } from "./parts.js";

/** @typedef {import("../protocol/wire.js").User} User */

/** @type {[keys: string[], action: string][]} */
const SHORTCUTS = [
  [["Enter"], "send"],
  [["Shift", "Enter"], "a new line"],
  [["↑"], "in an empty field: edit your last message"],
  [["Esc"], "cancel, close, or go to the latest message"],
  [["Ctrl", "K"], "find or create a room"],
  [["Alt", "↑"], "the room above"],
  [["Alt", "↓"], "the room below"],
  [["Alt", "Shift", "↓"], "the next room with something new"],
  [["Ctrl", "Shift", "F"], "search in this room"],
  [["↑"], "in the messages: from one to the next; then"],
  [["R"], "reply"],
  [["E"], "edit your own"],
  [["+"], "react"],
  [["C"], "copy"],
  [["Delete"], "delete your own"],
  [["?"], "this list"],
];

const MARKUP = [
  ["**strong**", "strong"],
  ["*emphasis* or _emphasis_", "emphasis"],
  ["~~struck~~", "struck out"],
  ["`code`", "code; ``` on lines of their own around several lines"],
  ["> quote", "at the beginning of a line"],
  ["@name", "mentions someone"],
];

export class Dialogs {
  #dialog = element("dialog", HTMLDialogElement);

  constructor() {
    // A click on the backdrop closes it.
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog) this.#dialog.close();
    });
  }

  get open() {
    return this.#dialog.open;
  }

  help() {
    this.#show(
      "Help",
      html`<h3>Keys</h3>
        <dl class="keys">${SHORTCUTS.map(([keys, action]) => html`<div><dt>${keys.map((key) => html`<kbd>${key}</kbd>`)}</dt><dd>${action}</dd></div>`)}</dl>
        <h3>Formatting</h3>
        <dl class="keys">${MARKUP.map(([written, shown]) => html`<div><dt><code>${written}</code></dt><dd>${shown}</dd></div>`)}</dl>
        <form method="dialog"><button class="primary">Close</button></form>`,
    );
  }

  /**
   * @param {string} question
   * @param {string} confirmLabel
   * @param {() => void} onConfirm
   */
  confirm(question, confirmLabel, onConfirm) {
    this.#show(
      question,
      html`<form method="dialog" class="row" @submit=${onConfirm}>
        <button class="danger" autofocus>${confirmLabel}</button>
        <button type="button" @click=${() => this.#dialog.close()}>Cancel</button>
      </form>`,
    );
  }

  /**
   * @param {User} me
   * @param {(name: string, color: number) => Promise<string | null>} rename Resolves to why it failed; `null` if it succeeded.
   */
  profile(me, rename) {
    let name = me.name;
    let color = hueOf(me);
    let problem = "";
    let busy = false;
    const draw = () =>
      this.#show(
        "You",
        html`<form class="identity" @submit=${submit}>
          <p class="preview">${avatar({ ...me, name, color })} <span>${personName({ ...me, name, color })}<br><span class="quiet">This is how others see you.</span></span></p>
          <label for="name">Name</label>
          <input id="name" type="text" autocomplete="nickname" spellcheck="false" maxlength="64" .value=${name} autofocus
            @input=${(/** @type {Event} */ { target }) => { name = valueOf(target); problem = ""; draw(); }}>
          <label for="hue">Colour</label>
          <input id="hue" type="range" min="0" max="359" .value=${String(color)}
            @input=${(/** @type {Event} */ { target }) => { color = Number(valueOf(target)); draw(); }}>
          <p role="alert" class="problem">${problem || nothing}</p>
          <p class="quiet">Your id is <code>${me.id || "not yet given"}</code>. It stays when the name changes.</p>
          <div class="row"><button class="primary" ?disabled=${busy}>Save</button>
            <button type="button" @click=${() => this.#dialog.close()}>Cancel</button></div>
        </form>`,
      );
    /** @param {Event} event */
    const submit = async (event) => {
      event.preventDefault();
      problem = nameProblem(name);
      if (problem === "") {
        busy = true;
        problem = (await rename(name.trim(), color)) ?? "";
        busy = false;
        if (problem === "") {
          this.#dialog.close();
          return;
        }
      }
      draw();
    };
    draw();
  }

  /**
   * @param {string} title
   * @param {unknown} content
   */
  #show(title, content) {
    render(html`<h2 id="dialogtitle">${title}</h2>${content}`, this.#dialog);
    if (!this.#dialog.open) this.#dialog.showModal();
  }
}

/** @param {string} name */
function nameProblem(name) {
  if (name.trim() === "" || displayName(name) === "nameless") return "A name needs at least one visible character.";
  if (NAME_BYTES_MAX < utf8Length(name.trim())) return `That name is too long: at most ${NAME_BYTES_MAX} bytes.`;
  return "";
}

/** @param {EventTarget | null} target */
function valueOf(target) {
  return target instanceof HTMLInputElement ? target.value : "";
}

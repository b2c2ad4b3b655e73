// @ts-check
/** What asks for an answer before it goes on: who one is, whether something is to be deleted; and the help. */
import { html, nothing, render } from "lit-html";
import { utf8Length } from "../protocol/wire.js";
import { hueOf, NAME_BYTES_MAX, displayName } from "../model/users.js";
import { element } from "./element.js";
import { avatar, personName } from "./parts.js";

/** @typedef {import("../protocol/wire.js").User} User */

/** @type {[keys: string[], does: string][]} */
const SHORTCUTS = [
  [["Enter"], "send"],
  [["Shift", "Enter"], "a new line"],
  [["↑"], "in an empty field: edit your last message"],
  [["Esc"], "give up, close, or go to the latest message"],
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

const WRITING = [
  ["**strong**", "strong"],
  ["*emphasis* or _emphasis_", "emphasis"],
  ["~~struck~~", "struck out"],
  ["`code`", "code; ``` on lines of their own around several lines"],
  ["> quote", "at the beginning of a line"],
  ["@name", "calls someone"],
];

export class Dialogs {
  #dialog = element("dialog", HTMLDialogElement);

  constructor() {
    // A click beside it closes it.
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
        <dl class="keys">${SHORTCUTS.map(([keys, does]) => html`<div><dt>${keys.map((key) => html`<kbd>${key}</kbd>`)}</dt><dd>${does}</dd></div>`)}</dl>
        <h3>ComposerState</h3>
        <dl class="keys">${WRITING.map(([written, shown]) => html`<div><dt><code>${written}</code></dt><dd>${shown}</dd></div>`)}</dl>
        <form method="dialog"><button class="primary">Close</button></form>`,
    );
  }

  /**
   * @param {string} question
   * @param {string} yes
   * @param {() => void} then
   */
  ask(question, yes, then) {
    this.#show(
      question,
      html`<form method="dialog" class="row" @submit=${then}>
        <button class="danger" autofocus>${yes}</button>
        <button type="button" @click=${() => this.#dialog.close()}>Keep it</button>
      </form>`,
    );
  }

  /**
   * @param {User} me
   * @param {(name: string, color: number) => Promise<string | null>} change Answers why not, or `null` if it was done.
   */
  identity(me, change) {
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
      problem = wrongWith(name);
      if (problem === "") {
        busy = true;
        problem = (await change(name.trim(), color)) ?? "";
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
function wrongWith(name) {
  if (name.trim() === "" || displayName(name) === "nameless") return "A name has at least one character that can be seen.";
  if (NAME_BYTES_MAX < utf8Length(name.trim())) return `That name is too long: at most ${NAME_BYTES_MAX} bytes.`;
  return "";
}

/** @param {EventTarget | null} target */
function valueOf(target) {
  return target instanceof HTMLInputElement ? target.value : "";
}

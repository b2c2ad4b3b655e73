// @ts-check
/**
 * The columns beside the conversation. Where there is place for them they stand beside it; else they
 * lie over it, one at a time, and what is below cannot be reached until they are closed.
 *
 * @typedef {import("./header.js").Drawer} Drawer
 */
import { element } from "./element.js";

/** From here on, the list of rooms stands beside the conversation; from there on, the drawer too. */
const SIDE_BESIDE = "(min-width: 48rem)";
const DRAWER_BESIDE = "(min-width: 70rem)";

export class Panels {
  side = element("side", HTMLElement);
  details = element("drawer", HTMLElement);
  #talk = element("talk", HTMLElement);
  #sideBeside = matchMedia(SIDE_BESIDE);
  #drawerBeside = matchMedia(DRAWER_BESIDE);
  #sideOpen = false;
  /** What had the focus before a panel was opened over it. @type {HTMLElement | null} */
  #before = null;
  /** What the drawer shows. @type {Drawer | null} */
  drawer = null;

  /** @param {() => void} changed The drawer shows something else. */
  constructor(changed) {
    this.changed = changed;
    for (const media of [this.#sideBeside, this.#drawerBeside]) media.addEventListener("change", () => this.#show());
    // What lies below is inert: a press on it is one on the body, and takes the focus from nobody.
    document.body.addEventListener("pointerdown", (event) => {
      if (event.target === document.body && this.closeIfOver()) event.preventDefault();
    });
    this.#show();
  }

  openSide() {
    if (this.#sideBeside.matches) return;
    this.closeIfOver();
    this.#remember();
    this.#sideOpen = true;
    this.#show();
    const [first] = this.side.getElementsByTagName("input");
    // While it slides in, nothing is to be scrolled for it.
    first?.focus({ preventScroll: true });
  }

  closeSide() {
    if (!this.#sideOpen) return;
    this.#sideOpen = false;
    this.#show();
    this.#return();
  }

  /**
   * @param {Drawer} which
   * @param {boolean} [stays] Whether it is not closed if it is open already.
   */
  toggle(which, stays = false) {
    if (this.drawer === which && !stays) {
      this.close();
      return;
    }
    this.closeSide();
    this.#remember();
    this.drawer = which;
    this.#show();
    this.changed();
    // Once it is drawn.
    requestAnimationFrame(() => requestAnimationFrame(() => this.#focusDrawer()));
  }

  close() {
    if (this.drawer === null) return;
    this.drawer = null;
    this.#show();
    this.changed();
    this.#return();
  }

  /** @returns {boolean} Whether something lay over the conversation. */
  closeIfOver() {
    if (this.#sideOpen && !this.#sideBeside.matches) {
      this.closeSide();
      return true;
    }
    if (this.drawer === null || this.#drawerBeside.matches) return false;
    this.close();
    return true;
  }

  #show() {
    const sideOver = this.#sideOpen && !this.#sideBeside.matches;
    const drawerOver = this.drawer !== null && !this.#drawerBeside.matches;
    this.side.classList.toggle("open", this.#sideOpen);
    this.side.inert = !this.#sideBeside.matches && !this.#sideOpen;
    this.details.hidden = this.drawer === null;
    setModal(this.side, sideOver);
    setModal(this.details, drawerOver && !this.#sideBeside.matches);
    this.#talk.inert = sideOver || drawerOver;
    document.body.classList.toggle("covered", sideOver || drawerOver);
  }

  #focusDrawer() {
    const target = this.details.querySelector("input") ?? this.details.querySelector("button");
    if (target instanceof HTMLElement) target.focus({ preventScroll: true });
  }

  #remember() {
    this.#before = document.activeElement instanceof HTMLElement ? document.activeElement : null;
  }

  #return() {
    if (this.#before?.isConnected) this.#before.focus();
    this.#before = null;
  }
}

/**
 * Tells screen readers whether a panel is all that can be reached.
 *
 * @param {HTMLElement} panel
 * @param {boolean} modal
 */
function setModal(panel, modal) {
  for (const [name, value] of Object.entries({ role: "dialog", "aria-modal": "true" })) {
    if (modal) panel.setAttribute(name, value);
    else panel.removeAttribute(name);
  }
}

// @ts-check
/**
 * The panels: the sidebar on the left and the drawer on the right. In a wide window they stand beside
 * the conversation. In a narrow one they cover it, one at a time, and it is inert until they are closed.
 *
 * @typedef {import("./header.js").Drawer} Drawer
 */
import { element } from "./element.js";

/** The window widths from which each panel stands beside the conversation. */
const SIDEBAR_BESIDE = "(min-width: 48rem)";
const DRAWER_BESIDE = "(min-width: 70rem)";

export class Panels {
  sidebarElement = element("side", HTMLElement);
  drawerElement = element("drawer", HTMLElement);
  #conversation = element("talk", HTMLElement);
  #sidebarBeside = matchMedia(SIDEBAR_BESIDE);
  #drawerBeside = matchMedia(DRAWER_BESIDE);
  #sidebarOpen = false;
  /** The element that had the focus before a panel was opened. @type {HTMLElement | null} */
  #previousFocus = null;
  /** What the drawer shows. @type {Drawer | null} */
  drawer = null;

  /** @param {(drawer: Drawer | null) => void} changed The drawer shows something else, or was closed. */
  constructor(changed) {
    this.changed = changed;
    for (const media of [this.#sidebarBeside, this.#drawerBeside]) media.addEventListener("change", () => this.#apply());
    // A press beside a panel hits the body, since the conversation is inert. It must not move the focus.
    document.body.addEventListener("pointerdown", (event) => {
      if (event.target === document.body && this.closeOverlay()) event.preventDefault();
    });
    this.#apply();
  }

  openSidebar() {
    if (this.#sidebarBeside.matches) return;
    this.closeOverlay();
    this.#saveFocus();
    this.#sidebarOpen = true;
    this.#apply();
    const [first] = this.sidebarElement.getElementsByTagName("input");
    // Scrolling to the field would disturb the slide-in.
    first?.focus({ preventScroll: true });
  }

  closeSidebar() {
    if (!this.#sidebarOpen) return;
    this.#sidebarOpen = false;
    this.#apply();
    this.#restoreFocus();
  }

  /**
   * @param {Drawer} which
   * @param {boolean} [keepOpen] Whether to leave it open if it is.
   */
  toggle(which, keepOpen = false) {
    if (this.drawer === which && !keepOpen) {
      this.close();
      return;
    }
    this.closeSidebar();
    this.#saveFocus();
    this.drawer = which;
    this.#apply();
    this.changed(this.drawer);
    // Its content is drawn in the next frame.
    requestAnimationFrame(() => requestAnimationFrame(() => this.#focusDrawer()));
  }

  close() {
    if (this.drawer === null) return;
    this.drawer = null;
    this.#apply();
    this.changed(this.drawer);
    this.#restoreFocus();
  }

  /** Closes the panel that covers the conversation. @returns {boolean} Whether there was one. */
  closeOverlay() {
    if (this.#sidebarOpen && !this.#sidebarBeside.matches) {
      this.closeSidebar();
      return true;
    }
    if (this.drawer === null || this.#drawerBeside.matches) return false;
    this.close();
    return true;
  }

  #apply() {
    const sidebarOver = this.#sidebarOpen && !this.#sidebarBeside.matches;
    const drawerOver = this.drawer !== null && !this.#drawerBeside.matches;
    this.sidebarElement.classList.toggle("open", this.#sidebarOpen);
    this.sidebarElement.inert = !this.#sidebarBeside.matches && !this.#sidebarOpen;
    this.drawerElement.hidden = this.drawer === null;
    setModal(this.sidebarElement, sidebarOver);
    setModal(this.drawerElement, drawerOver && !this.#sidebarBeside.matches);
    this.#conversation.inert = sidebarOver || drawerOver;
    document.body.classList.toggle("covered", sidebarOver || drawerOver);
  }

  #focusDrawer() {
    const target = this.drawerElement.querySelector("input") ?? this.drawerElement.querySelector("button");
    if (target instanceof HTMLElement) target.focus({ preventScroll: true });
  }

  #saveFocus() {
    this.#previousFocus = document.activeElement instanceof HTMLElement ? document.activeElement : null;
  }

  #restoreFocus() {
    if (this.#previousFocus?.isConnected) this.#previousFocus.focus();
    this.#previousFocus = null;
  }
}

/**
 * Tells screen readers whether a panel is modal.
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

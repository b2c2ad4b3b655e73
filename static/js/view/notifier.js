// @ts-check
/**
 * What reaches people who do not look, or cannot: the title and the icon that count, words for
 * screen readers, and the desktop's notifications, if somebody wants them.
 *
 * @typedef {import("../protocol/wire.js").Message} Message
 */
import { displayName } from "../model/users.js";
import { element } from "./element.js";

const NOTIFY = "chorus.notify";
/** Words for screen readers come at most so often, in milliseconds: several messages become one. */
const ANNOUNCE_MS = 1_500;
/** A notification shows no more of a text. */
const EXCERPT = 200;

export class Notifier {
  #announcer = element("announcer", HTMLElement);
  #icon = element("icon", HTMLLinkElement);
  #plainIcon = this.#icon.href;
  /** @type {Message[]} */
  #unsaid = [];
  #counted = -1;
  /** Whether the browser has them in name only: Chrome for Android grants them, and then shows none to a page. */
  #broken = false;

  /**
   * @param {import("../storage/local_store.js").LocalStore} store
   * @param {(room: string) => void} open Somebody follows a notification.
   */
  constructor(store, open) {
    this.store = store;
    this.open = open;
  }

  /**
   * @param {string} room
   * @param {{ unread: number, mentions: number }} totals
   */
  count(room, { unread, mentions }) {
    const count = 0 < mentions ? `@${mentions}` : String(unread);
    document.title = `${0 < unread ? `(${count}) ` : ""}${room} · Chorus`;
    if (this.#counted === unread) return;
    this.#counted = unread;
    this.#icon.href = 0 < unread ? iconWith(unread) : this.#plainIcon;
  }

  /**
   * Says messages to screen readers.
   *
   * @param {readonly Message[]} messages
   */
  announce(messages) {
    if (messages.length === 0) return;
    if (this.#unsaid.length === 0) setTimeout(() => this.#say(), ANNOUNCE_MS);
    this.#unsaid.push(...messages);
    // Of many, only the number is said.
    if (50 < this.#unsaid.length) this.#unsaid.splice(1, this.#unsaid.length - 50);
  }

  /** @returns {"on" | "off" | "denied" | "absent"} */
  get notices() {
    if (this.#broken || !("Notification" in window) || !window.isSecureContext) return "absent";
    if (Notification.permission === "denied") return "denied";
    return Notification.permission === "granted" && this.store.get(NOTIFY) === "on" ? "on" : "off";
  }

  /** Turns notifications on or off; the browser asks whether it may. */
  async toggleNotices() {
    if (this.notices === "on") this.store.set(NOTIFY, undefined);
    else if ((await Notification.requestPermission()) === "granted") this.store.set(NOTIFY, "on");
  }

  /** @param {Message} message */
  notify(message) {
    if (this.notices !== "on") return;
    try {
      this.#show(message);
    } catch {
      this.#broken = true;
    }
  }

  /** @param {Message} message */
  #show({ room, author, text }) {
    const notice = new Notification(`${displayName(author.name)} in ${room}`, { body: text.slice(0, EXCERPT), tag: `chorus ${room}`, icon: this.#plainIcon });
    notice.onclick = () => {
      window.focus();
      this.open(room);
      notice.close();
    };
  }

  #say() {
    const unsaid = this.#unsaid.splice(0);
    const [first] = unsaid;
    if (!first) return;
    this.#announcer.textContent = unsaid.length === 1 ? `${displayName(first.author.name)}: ${first.text}` : `${unsaid.length} new messages`;
  }
}

/** @param {number} count */
function iconWith(count) {
  const text = count < 10 ? String(count) : "9+";
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#5548c8"/><g fill="none" stroke="#fff" stroke-linecap="round" stroke-width="2.6"><path d="M8 20v-8M13.3 24V8"/></g><circle cx="21" cy="21" r="11" fill="#d6336c"/><text x="21" y="26" font-family="sans-serif" font-weight="700" font-size="14" fill="#fff" text-anchor="middle">${text}</text></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(picture)}`;
}

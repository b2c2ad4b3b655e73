// @ts-check
/**
 * Tells the user about new messages outside of the conversation: the counts in title and icon,
 * announcements for screen readers, and desktop notifications.
 *
 * @typedef {import("../protocol/wire.js").Message} Message
 */
import { displayName } from "../model/users.js";
import { element } from "./element.js";

const NOTIFY = "chorus.notify";
/** Announcements are at least this far apart, in milliseconds; messages in between are combined. */
const ANNOUNCE_MS = 1_500;
/** How many characters of a text a notification shows. */
const EXCERPT_LENGTH = 200;

export class Notifier {
  #announcer = element("announcer", HTMLElement);
  #icon = element("icon", HTMLLinkElement);
  #plainIcon = this.#icon.href;
  /** Messages that are yet to be announced. @type {Message[]} */
  #unannounced = [];
  /** The count that the icon shows. */
  #iconCount = -1;
  /** Whether the browser grants notifications but throws when one is made, as Chrome for Android does. */
  #broken = false;

  /**
   * @param {import("../storage/local_store.js").LocalStore} store
   * @param {(room: string) => void} openRoom A notification was clicked.
   */
  constructor(store, openRoom) {
    this.store = store;
    this.openRoom = openRoom;
  }

  /**
   * Shows the number of unread messages in title and icon.
   *
   * @param {string} room
   * @param {{ unread: number, mentions: number }} totals
   */
  showUnread(room, { unread, mentions }) {
    const count = 0 < mentions ? `@${mentions}` : String(unread);
    document.title = `${0 < unread ? `(${count}) ` : ""}${room} · Chorus`;
    if (this.#iconCount === unread) return;
    this.#iconCount = unread;
    this.#icon.href = 0 < unread ? iconWith(unread) : this.#plainIcon;
  }

  /**
   * Announces messages to screen readers.
   *
   * @param {readonly Message[]} messages
   */
  announce(messages) {
    if (messages.length === 0) return;
    if (this.#unannounced.length === 0) setTimeout(() => this.#announceNow(), ANNOUNCE_MS);
    this.#unannounced.push(...messages);
    // Of several messages only the number is announced, so a few are enough.
    if (50 < this.#unannounced.length) this.#unannounced.splice(1, this.#unannounced.length - 50);
  }

  /** Whether desktop notifications are on. @returns {"on" | "off" | "denied" | "absent"} */
  get state() {
    if (this.#broken || !("Notification" in window) || !window.isSecureContext) return "absent";
    if (Notification.permission === "denied") return "denied";
    return Notification.permission === "granted" && this.store.get(NOTIFY) === "on" ? "on" : "off";
  }

  /** Turns desktop notifications on or off; the browser may ask the user for permission. */
  async toggle() {
    if (this.state === "on") this.store.set(NOTIFY, undefined);
    else if ((await Notification.requestPermission()) === "granted") this.store.set(NOTIFY, "on");
  }

  /** Shows a desktop notification, if they are on. @param {Message} message */
  notify(message) {
    if (this.state !== "on") return;
    try {
      this.#show(message);
    } catch {
      this.#broken = true;
    }
  }

  /** @param {Message} message */
  #show({ room, author, text }) {
    const notification = new Notification(`${displayName(author.name)} in ${room}`, { body: text.slice(0, EXCERPT_LENGTH), tag: `chorus ${room}`, icon: this.#plainIcon });
    notification.onclick = () => {
      window.focus();
      this.openRoom(room);
      notification.close();
    };
  }

  #announceNow() {
    const messages = this.#unannounced.splice(0);
    const [first] = messages;
    if (!first) return;
    this.#announcer.textContent = messages.length === 1 ? `${displayName(first.author.name)}: ${first.text}` : `${messages.length} new messages`;
  }
}

/** @param {number} count */
function iconWith(count) {
  const text = count < 10 ? String(count) : "9+";
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#5548c8"/><g fill="none" stroke="#fff" stroke-linecap="round" stroke-width="2.6"><path d="M8 20v-8M13.3 24V8"/></g><circle cx="21" cy="21" r="11" fill="#d6336c"/><text x="21" y="26" font-family="sans-serif" font-weight="700" font-size="14" fill="#fff" text-anchor="middle">${text}</text></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(picture)}`;
}

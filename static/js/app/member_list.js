// @ts-check
/**
 * The members who are present in the active room, and who is typing there. Stays empty with nodes
 * that do not support presence.
 *
 * @typedef {import("../protocol/wire.js").User} User
 * @typedef {import("../protocol/wire.js").Response<import("../protocol/wire.js").MemberSnapshot>} Response
 */
import { isUnsupported } from "../protocol/wire.js";

/** How often our typing is published, and how long others' typing is shown, in milliseconds. */
const TYPING_SEND_MS = 2_500;
const TYPING_SHOWN_MS = 5_000;

export class MemberList {
  /** By id; not all of them in a large room. @type {Map<string, User>} */
  members = new Map();
  count = 0;
  /** Whether the list covers all nodes. */
  complete = true;
  /** Whether the node supports presence. */
  known = false;
  /** Who is typing, and until when to show it. @type {Map<string, { user: User, until: number }>} */
  #typists = new Map();
  #room = "";
  #typingSentAt = 0;
  #typingSupported = true;
  #cancelExpiry = () => {};

  /**
   * @param {Pick<import("../protocol/connection.js").Connection, "request">} connection
   * @param {() => void} changed
   * @param {import("../protocol/clock.js").Clock} clock
   */
  constructor(connection, changed, clock) {
    this.connection = connection;
    this.changed = changed;
    this.clock = clock;
  }

  /** @returns {User[]} */
  get typists() {
    return [...this.#typists.values()].map(({ user }) => user);
  }

  /**
   * Loads the members of a room and follows its presence. Called when another room becomes active, and
   * on each new connection.
   *
   * @param {string} room
   */
  watch(room) {
    if (room !== this.#room) {
      this.members = new Map();
      this.count = 0;
      this.#typists.clear();
      this.#typingSentAt = 0;
    }
    this.#room = room;
    this.#typingSupported = true;
    this.connection.request("who", { room }, (/** @type {Response} */ response) => {
      if (room !== this.#room || !response) return;
      this.known = response.ok !== undefined || !isUnsupported(response.error);
      if (response.ok) {
        this.members = new Map(response.ok.members.map((member) => [member.id, member]));
        this.count = response.ok.count;
        this.complete = response.ok.complete;
      }
      this.changed();
    });
    this.changed();
  }

  /** @param {import("../protocol/wire.js").PresenceUpdate} update */
  applyPresence({ room, joined, left, count }) {
    if (room !== this.#room) return;
    for (const member of joined) this.members.set(member.id, member);
    for (const id of left) {
      this.members.delete(id);
      this.#typists.delete(id);
    }
    this.count = count;
    this.known = true;
    this.changed();
  }

  /** @param {import("../protocol/wire.js").Typing} typing */
  applyTyping({ room, user }) {
    if (room !== this.#room) return;
    this.#typists.set(user.id, { user, until: this.clock.now() + TYPING_SHOWN_MS });
    this.#scheduleExpiry();
    this.changed();
  }

  /**
   * Someone's message arrived, so they are not typing it any more.
   *
   * @param {string} id
   */
  clearTyping(id) {
    if (this.#typists.delete(id)) this.changed();
  }

  /** Publishes that we are typing, unless that was done a moment ago. */
  sendTyping() {
    const now = this.clock.now();
    if (!this.#typingSupported || now - this.#typingSentAt < TYPING_SEND_MS) return;
    this.#typingSentAt = now;
    this.connection.request("typing", { room: this.#room }, (response) => {
      if (response?.error && isUnsupported(response.error)) this.#typingSupported = false;
    });
  }

  /** What we typed was posted: the next keystroke is published at once. */
  typingEnded() {
    this.#typingSentAt = 0;
  }

  #scheduleExpiry() {
    this.#cancelExpiry();
    const [next] = [...this.#typists.values()].map(({ until }) => until).sort((one, other) => one - other);
    if (next === undefined) return;
    this.#cancelExpiry = this.clock.after(Math.max(0, next - this.clock.now()), () => {
      const now = this.clock.now();
      for (const [id, { until }] of this.#typists) if (until <= now) this.#typists.delete(id);
      this.#scheduleExpiry();
      this.changed();
    });
  }
}

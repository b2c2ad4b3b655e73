// @ts-check
/**
 * Who is in the room that is looked at, and who is writing there. Nodes that know of neither leave
 * both empty.
 *
 * @typedef {import("../protocol/wire.js").User} User
 * @typedef {import("../protocol/wire.js").Response<import("../protocol/wire.js").MemberSnapshot>} Answer
 */
import { isUnsupported } from "../protocol/wire.js";

/** ComposerState is told so often, and believed for so long, in milliseconds. */
const TELL_MS = 2_500;
const BELIEVE_MS = 5_000;

export class MemberList {
  /** By id. @type {Map<string, User>} */
  members = new Map();
  count = 0;
  /** Whether all nodes could be asked. */
  complete = true;
  /** Whether the node knows who is there. */
  known = false;
  /** Who is writing, until when. @type {Map<string, { user: User, until: number }>} */
  #typists = new Map();
  #room = "";
  #toldAt = 0;
  /** Whether the node takes word of writing. */
  #tells = true;
  #cancelForget = () => {};

  /**
   * @param {Pick<import("../protocol/connection.js").Connection, "ask">} connection
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
   * Someone looks at a room, or a new connection stands.
   *
   * @param {string} room
   */
  look(room) {
    if (room !== this.#room) {
      this.members = new Map();
      this.count = 0;
      this.#typists.clear();
      this.#toldAt = 0;
    }
    this.#room = room;
    this.#tells = true;
    this.connection.ask("who", { room }, (/** @type {Answer} */ answer) => {
      if (room !== this.#room || !answer) return;
      this.known = answer.ok !== undefined || !isUnsupported(answer.error);
      if (answer.ok) {
        this.members = new Map(answer.ok.members.map((member) => [member.id, member]));
        this.count = answer.ok.count;
        this.complete = answer.ok.complete;
      }
      this.changed();
    });
    this.changed();
  }

  /** @param {import("../protocol/wire.js").PresenceUpdate} presence */
  presence({ room, joined, left, count }) {
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
  typing({ room, user }) {
    if (room !== this.#room) return;
    this.#typists.set(user.id, { user, until: this.clock.now() + BELIEVE_MS });
    this.#forgetLater();
    this.changed();
  }

  /**
   * What someone wrote is here: the writing is over.
   *
   * @param {string} id
   */
  said(id) {
    if (this.#typists.delete(id)) this.changed();
  }

  /** We are writing. */
  tell() {
    const now = this.clock.now();
    if (!this.#tells || now - this.#toldAt < TELL_MS) return;
    this.#toldAt = now;
    this.connection.ask("typing", { room: this.#room }, (answer) => {
      if (answer?.error && isUnsupported(answer.error)) this.#tells = false;
    });
  }

  /** What we have written is sent: the next word is told at once. */
  told() {
    this.#toldAt = 0;
  }

  #forgetLater() {
    this.#cancelForget();
    const [next] = [...this.#typists.values()].map(({ until }) => until).sort((one, other) => one - other);
    if (next === undefined) return;
    this.#cancelForget = this.clock.after(Math.max(0, next - this.clock.now()), () => {
      const now = this.clock.now();
      for (const [id, { until }] of this.#typists) if (until <= now) this.#typists.delete(id);
      this.#forgetLater();
      this.changed();
    });
  }
}

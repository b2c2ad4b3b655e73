// @ts-check
/**
 * A room that someone is in: its place in the log, what is in memory of it, and what of it is unread.
 *
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {import("../protocol/wire.js").RoomPosition} RoomPosition
 * @typedef {import("../protocol/wire.js").User} User
 *
 * @typedef {object} JoinedRoomPorts
 * @property {import("../protocol/room.js").RoomPorts["join"]} join
 * @property {() => User | null} me
 * @property {(joined: JoinedRoom) => boolean} reads Whether someone is looking at the room's end right now.
 * @property {(joined: JoinedRoom) => boolean} follows Whether the view is to stay at the room's end.
 * @property {(joined: JoinedRoom, messages: Message[]) => void} shown Messages have come, in order.
 * @property {(joined: JoinedRoom) => void} replaced The log is another one.
 * @property {(joined: JoinedRoom) => void} read It was read up to `readUpTo`.
 * @property {(joined: JoinedRoom) => void} changed
 */
import { Room } from "../protocol/room.js";
import { mentions } from "../model/mentions.js";
import { JOIN_NOTES } from "../model/status.js";
import { Timeline } from "../model/timeline.js";

/** What is asked for of a room that is looked at, and of one that only has to tell what is unread. */
const HISTORY = 100;
const HISTORY_BACKGROUND = 50;

export class JoinedRoom {
  timeline = new Timeline();
  unread = 0;
  mentions = 0;
  /** The newest text. @type {Message | undefined} */
  last;
  /** What is beyond this place came unseen; `null`: nothing did. @type {number | null} */
  divider = null;
  /** Why it cannot be entered. */
  refusal = "";
  /** Of which end history is on its way. @type {"older" | "newer" | null} */
  loading = null;
  /** Tells the answer that is waited for from earlier ones. */
  loads = 0;

  /**
   * @param {string} name
   * @param {RoomPosition | null} read How far it was read, in this window or another.
   * @param {JoinedRoomPorts} ports
   * @param {import("../protocol/clock.js").Clock} clock
   */
  constructor(name, read, ports, clock) {
    this.name = name;
    this.readUpTo = read;
    this.ports = ports;
    this.room = new Room(
      name,
      {
        join: ports.join,
        history: () => (this.timeline.aside ? HISTORY_BACKGROUND : HISTORY),
        show: (messages) => this.#show(messages),
        opened: (opening, joined) => this.#opened(opening, joined),
        refused: ({ code, detail }) => {
          this.refusal = detail ?? code;
          ports.changed(this);
        },
        changed: () => ports.changed(this),
      },
      clock,
    );
  }

  /** Someone looks at it now. */
  bringForward() {
    this.timeline.aside = false;
    this.divider = 0 < this.unread ? (this.readUpTo?.seq ?? null) : null;
  }

  setAside() {
    this.divider = null;
    this.forgetLoad();
    this.timeline.setAside();
  }

  /** The history that is on its way fits no longer: it is not taken. */
  forgetLoad() {
    this.loading = null;
    this.loads += 1;
  }

  /** All that was shown was read. */
  markRead() {
    const place = this.room.place();
    if (!place) return;
    this.unread = 0;
    this.mentions = 0;
    if (this.readUpTo?.epoch === place.epoch && place.seq <= this.readUpTo.seq) return;
    this.readUpTo = place;
    this.ports.read(this);
  }

  /**
   * It was read in another window.
   *
   * @param {RoomPosition} place
   */
  readElsewhere(place) {
    if (this.readUpTo?.epoch === place.epoch && place.seq <= this.readUpTo.seq) return;
    this.readUpTo = place;
    this.unread = Math.min(this.unread, Math.max(0, this.room.shown - place.seq));
    if (this.unread === 0) this.mentions = 0;
  }

  /**
   * @param {import("../protocol/cursor.js").JoinOutcome} opening
   * @param {import("../protocol/wire.js").JoinResult} joined
   */
  #opened(opening, { epoch, head }) {
    this.refusal = "";
    if (opening === "replaced") {
      this.forgetLoad();
      this.timeline.restart();
      this.unread = 0;
      this.mentions = 0;
      this.divider = null;
      this.ports.replaced(this);
    }
    // Who enters for the first time has missed nothing.
    if (!this.readUpTo || this.readUpTo.epoch !== epoch || head < this.readUpTo.seq) this.readUpTo = { epoch, seq: head };
    if (JOIN_NOTES[opening]) this.timeline.note(JOIN_NOTES[opening]);
  }

  /** @param {Message[]} messages */
  #show(messages) {
    const { ports } = this;
    const me = ports.me();
    const reads = ports.reads(this);
    const readUpTo = this.readUpTo?.seq ?? 0;
    const first = this.timeline.empty && this.timeline.attached;
    // Of what lies between, only the number is known.
    if (first && !reads) this.unread += Math.max(0, (messages[0]?.seq ?? 0) - 1 - readUpTo);
    for (const message of messages) {
      if (message.kind !== "text") continue;
      this.last = message;
      if (message.seq <= readUpTo || message.author.id === me?.id) continue;
      this.unread += 1;
      if (me && mentions(message.text, me.name)) this.mentions += 1;
    }
    if (!reads && this.divider === null && 0 < this.unread && !this.timeline.aside) this.divider = readUpTo;
    this.timeline.append(messages, ports.follows(this));
    ports.shown(this, messages);
    if (reads) this.markRead();
  }
}

// @ts-check
/**
 * A room that the user has joined: its connection to the log, its timeline, and its unread messages.
 *
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {import("../protocol/wire.js").RoomPosition} RoomPosition
 * @typedef {import("../protocol/wire.js").User} User
 *
 * @typedef {object} JoinedRoomPorts
 * @property {import("../protocol/room.js").RoomPorts["join"]} join
 * @property {() => User} me
 * @property {(room: JoinedRoom) => boolean} isRead Whether the reader has the room's end in view, so that new messages count as read.
 * @property {(room: JoinedRoom) => boolean} follows Whether the view stays at the room's end.
 * @property {(room: JoinedRoom, messages: readonly Message[]) => void} shown Messages were added, in order.
 * @property {(room: JoinedRoom) => void} replaced The log was replaced.
 * @property {(room: JoinedRoom) => void} read `readUpTo` has advanced.
 * @property {(room: JoinedRoom) => void} changed
 */
import { mentions } from "../model/mentions.js";
import { JOIN_NOTES } from "../model/status.js";
import { Timeline } from "../model/timeline.js";
import { Room } from "../protocol/room.js";

/** How many messages are requested of the active room; a room in the background needs them for its unread count only. */
const HISTORY_ACTIVE = 100;
const HISTORY_BACKGROUND = 50;

export class JoinedRoom {
  timeline = new Timeline();
  unread = 0;
  /** How many unread messages mention the user. */
  mentions = 0;
  /** The newest text. @type {Message | undefined} */
  last;
  /** The seq before the first unread message, where the divider is shown; `null`: no divider. @type {number | null} */
  divider = null;
  /** Why the room cannot be joined; empty if it can. */
  refusal = "";
  /** The end at which history is being loaded. @type {"older" | "newer" | null} */
  loading = null;
  /** Identifies the current load, so that responses to earlier ones are ignored. */
  loadId = 0;

  /**
   * @param {string} name
   * @param {RoomPosition | null} readUpTo How far it was read, in any window.
   * @param {JoinedRoomPorts} ports Not called before this constructor returns.
   * @param {import("../protocol/clock.js").Clock} clock
   */
  constructor(name, readUpTo, ports, clock) {
    this.name = name;
    this.readUpTo = readUpTo;
    this.ports = ports;
    this.room = new Room(
      name,
      {
        join: ports.join,
        historyLimit: () => (this.timeline.inBackground ? HISTORY_BACKGROUND : HISTORY_ACTIVE),
        show: (messages) => this.#show(messages),
        joined: (outcome, result) => this.#onJoined(outcome, result),
        refused: ({ code, detail }) => {
          this.refusal = detail ?? code;
          ports.changed(this);
        },
        changed: () => ports.changed(this),
      },
      clock,
    );
  }

  moveToForeground() {
    this.timeline.inBackground = false;
    this.divider = 0 < this.unread ? (this.readUpTo?.seq ?? null) : null;
  }

  moveToBackground() {
    this.divider = null;
    this.cancelLoad();
    this.timeline.moveToBackground();
  }

  /** Ignores the page of history under way, since it no longer fits the timeline. */
  cancelLoad() {
    this.loading = null;
    this.loadId += 1;
  }

  /** Marks everything shown as read. */
  markRead() {
    const position = this.room.position();
    if (!position) return;
    this.unread = 0;
    this.mentions = 0;
    if (this.#alreadyRead(position)) return;
    this.readUpTo = position;
    this.ports.read(this);
  }

  /**
   * Takes over how far another window has read.
   *
   * @param {RoomPosition} position
   */
  markReadElsewhere(position) {
    if (this.#alreadyRead(position)) return;
    this.readUpTo = position;
    this.unread = Math.min(this.unread, Math.max(0, this.room.shown - position.seq));
    if (this.unread === 0) this.mentions = 0;
  }

  /** @param {RoomPosition} position */
  #alreadyRead({ epoch, seq }) {
    return this.readUpTo?.epoch === epoch && seq <= this.readUpTo.seq;
  }

  /**
   * @param {import("../protocol/cursor.js").JoinOutcome} outcome
   * @param {import("../protocol/wire.js").JoinResult} result
   */
  #onJoined(outcome, { epoch, head }) {
    this.refusal = "";
    if (outcome === "replaced") {
      this.cancelLoad();
      this.timeline.reset();
      this.unread = 0;
      this.mentions = 0;
      this.divider = null;
      this.ports.replaced(this);
    }
    // On the first join nothing counts as missed; nor does a read position of another log count.
    if (!this.readUpTo || this.readUpTo.epoch !== epoch || head < this.readUpTo.seq) this.readUpTo = { epoch, seq: head };
    if (JOIN_NOTES[outcome]) this.timeline.addNote(JOIN_NOTES[outcome]);
  }

  /** @param {Message[]} messages */
  #show(messages) {
    const { ports } = this;
    const me = ports.me();
    const isRead = ports.isRead(this);
    const readUpTo = this.readUpTo?.seq ?? 0;
    const first = this.timeline.empty && this.timeline.attached;
    // Messages between the read position and the first one loaded can only be counted.
    if (first && !isRead) this.unread += Math.max(0, (messages[0]?.seq ?? 0) - 1 - readUpTo);
    for (const message of messages) {
      if (message.kind !== "text") continue;
      this.last = message;
      if (message.seq <= readUpTo || message.author.id === me.id) continue;
      this.unread += 1;
      if (mentions(message.text, me.name)) this.mentions += 1;
    }
    if (!isRead && this.divider === null && 0 < this.unread && !this.timeline.inBackground) this.divider = readUpTo;
    this.timeline.append(messages, ports.follows(this));
    ports.shown(this, messages);
    if (isRead) this.markRead();
  }
}

// @ts-check
/**
 * The joined rooms, the active one among them, and the directory of all rooms.
 *
 * @typedef {import("../protocol/wire.js").RoomSummary} RoomSummary
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {import("../protocol/wire.js").RoomPosition} RoomPosition
 * @typedef {import("../protocol/connection.js").Connection} Connection
 *
 * @typedef {object} Viewport What the reader has in view.
 * @property {boolean} watched Whether the window is visible and has the focus.
 * @property {(room: JoinedRoom) => boolean} isAtEndOf Whether the reader is at the room's end, or will be once it is drawn.
 *
 * @typedef {object} RoomListEvents
 * @property {[room: JoinedRoom]} roomChanged
 * @property {[room: JoinedRoom, messages: readonly Message[]]} messagesShown Messages were added to a room, in order.
 * @property {[]} logReplaced A room was joined on another log than before.
 *
 * @typedef {object} RoomListDependencies
 * @property {Pick<Connection, "request" | "online">} connection
 * @property {import("../storage/local_store.js").LocalStore} store
 * @property {import("../protocol/clock.js").Clock} clock
 * @property {Viewport} viewport
 * @property {Pick<import("../protocol/emitter.js").Emitter<RoomListEvents>, "emit">} events
 * @property {() => import("../protocol/wire.js").User} me
 */
import { DEFAULT_ROOM } from "../protocol/wire.js";
import { loadRooms, updateRooms } from "../storage/rooms.js";
import { JoinedRoom } from "./joined_room.js";

/** How many rooms of the directory are requested at a time, and how many in all. */
const DIRECTORY_PAGE = 100;
const DIRECTORY_MAX = 1_000;
/** Read positions are stored at most this often, in milliseconds. */
const SAVE_INTERVAL_MS = 500;

export class RoomList {
  /** @type {Map<string, JoinedRoom>} */
  joined = new Map();
  /** All rooms that have messages, by name. @type {RoomSummary[]} */
  directory = [];
  /** Read positions that are not stored yet. @type {Map<string, RoomPosition>} */
  #unsaved = new Map();
  #loadingDirectory = false;

  /**
   * @param {RoomListDependencies} dependencies
   * @param {string} first The room to show first.
   */
  constructor({ connection, store, clock, viewport, events, me }, first) {
    this.connection = connection;
    this.store = store;
    this.clock = clock;
    this.events = events;
    const isActive = (/** @type {JoinedRoom} */ room) => room === this.active;
    /** @type {import("./joined_room.js").JoinedRoomPorts} */
    this.ports = {
      me,
      join: (request, onResponse) => connection.request("join", request, onResponse),
      isRead: (room) => isActive(room) && room.timeline.attached && viewport.isAtEndOf(room) && viewport.watched,
      follows: (room) => !isActive(room) || viewport.isAtEndOf(room),
      shown: (room, messages) => events.emit("messagesShown", room, messages),
      replaced: () => events.emit("logReplaced"),
      read: (room) => this.#saveReadLater(room),
      changed: (room) => events.emit("roomChanged", room),
    };
    for (const [name, readUpTo] of loadRooms(store)) this.#add(name, readUpTo);
    // A first-time visitor also gets the default room, where everybody is.
    if (this.joined.size === 0) this.#join(DEFAULT_ROOM);
    this.active = this.#join(first);
    this.active.moveToForeground();
  }

  /**
   * The position to resume each joined room at.
   *
   * @returns {Record<string, RoomPosition>}
   */
  positions() {
    /** @type {Record<string, RoomPosition>} */
    const positions = {};
    for (const { name, room } of this.joined.values()) {
      const position = room.position();
      if (position) positions[name] = position;
    }
    return positions;
  }

  /** @param {import("../protocol/wire.js").Session} session */
  online({ epoch, rooms = {} }) {
    for (const { name, room } of this.#activeFirst()) {
      const result = Object.hasOwn(rooms, name) ? rooms[name] : undefined;
      room.online(result ? { epoch, ...result } : null);
    }
    this.loadDirectory();
  }

  offline() {
    for (const { room } of this.joined.values()) room.offline();
  }

  /** @param {readonly Message[]} messages Of one room. */
  receive(messages) {
    const joined = this.joined.get(messages[0]?.room ?? "");
    joined?.room.receive(messages);
  }

  /**
   * Makes a room the active one, and joins it first if necessary.
   *
   * @param {string} name
   */
  activate(name) {
    if (name === this.active.name) return;
    this.active.moveToBackground();
    const known = this.joined.get(name);
    this.active = known ?? this.#join(name);
    this.active.moveToForeground();
    if (!known && this.connection.online) this.active.room.online(null);
    this.#changed(this.active);
  }

  /** Whether the active room can be left: somebody who is in the default room only cannot leave it. */
  get canLeave() {
    return this.#roomAfter(this.active.name) !== this.active.name;
  }

  /**
   * Leaves a room, if it can be left.
   *
   * @param {string} name
   */
  leave(name) {
    const joined = this.joined.get(name);
    if (!joined || this.#roomAfter(name) === name) return;
    if (joined === this.active) this.activate(this.#roomAfter(name));
    this.joined.delete(name);
    joined.room.offline();
    if (this.connection.online) this.connection.request("leave", { room: name }, () => {});
    updateRooms(this.store, (rooms) => rooms.delete(name));
    this.#changed(joined);
  }

  /** Takes over what another window has joined, left or read. */
  syncFromStorage() {
    const stored = loadRooms(this.store);
    for (const [name, readUpTo] of stored) {
      const known = this.joined.get(name);
      if (known && readUpTo) known.markReadElsewhere(readUpTo);
      if (!known) {
        const added = this.#add(name, readUpTo);
        if (this.connection.online) added.room.online(null);
      }
    }
    for (const [name, { room }] of [...this.joined]) {
      if (stored.has(name) || name === this.active.name) continue;
      room.offline();
      this.joined.delete(name);
    }
    this.#changed(this.active);
  }

  /** Requests the list of all rooms, page by page. */
  loadDirectory() {
    if (this.#loadingDirectory) return;
    this.#loadingDirectory = true;
    /** @type {RoomSummary[]} */
    const found = [];
    /** @param {string} [after] */
    const loadPage = (after) => {
      /** @type {(response: import("../protocol/wire.js").Response<{ rooms: RoomSummary[] }>) => void} */
      const onResponse = (response) => {
        found.push(...(response?.ok?.rooms ?? []));
        const last = response?.ok?.rooms.length === DIRECTORY_PAGE ? response.ok.rooms.at(-1) : undefined;
        if (last && found.length < DIRECTORY_MAX) {
          loadPage(last.room);
          return;
        }
        this.#loadingDirectory = false;
        if (response?.ok) this.directory = found;
        this.#changed(this.active);
      };
      this.connection.request("rooms", { limit: DIRECTORY_PAGE, ...(after !== undefined && { after }) }, onResponse);
    };
    loadPage();
  }

  /** The unread messages and mentions of all rooms together. */
  get totals() {
    let unread = 0;
    let mentions = 0;
    for (const joined of this.joined.values()) {
      unread += joined.unread;
      mentions += joined.mentions;
    }
    return { unread, mentions };
  }

  /** Stores the read positions that are not stored yet. */
  saveReads() {
    if (this.#unsaved.size === 0) return;
    updateRooms(this.store, (rooms) => {
      for (const [name, position] of this.#unsaved) if (this.joined.has(name)) rooms.set(name, position);
    });
    this.#unsaved.clear();
  }

  /** @param {string} name */
  #join(name) {
    const known = this.joined.get(name);
    if (known) return known;
    updateRooms(this.store, (rooms) => rooms.set(name, rooms.get(name) ?? null));
    return this.#add(name, null);
  }

  /**
   * @param {string} name
   * @param {RoomPosition | null} readUpTo
   */
  #add(name, readUpTo) {
    const joined = new JoinedRoom(name, readUpTo, this.ports, this.clock);
    this.joined.set(name, joined);
    return joined;
  }

  /** The room to show after one is left. @param {string} left */
  #roomAfter(left) {
    const [other] = [...this.joined.keys()].filter((name) => name !== left).sort();
    return other ?? DEFAULT_ROOM;
  }

  /** The active room comes first, since a node processes a session's requests in order. */
  #activeFirst() {
    return [this.active, ...[...this.joined.values()].filter((joined) => joined !== this.active)];
  }

  /** @param {JoinedRoom} room */
  #saveReadLater({ name, readUpTo }) {
    if (!readUpTo) return;
    if (this.#unsaved.size === 0) this.clock.after(SAVE_INTERVAL_MS, () => this.saveReads());
    this.#unsaved.set(name, readUpTo);
  }

  /** @param {JoinedRoom} room */
  #changed(room) {
    this.events.emit("roomChanged", room);
  }
}

// @ts-check
/**
 * The rooms: those that someone is in, the one that is looked at, and all that there are.
 *
 * @typedef {import("../protocol/wire.js").RoomSummary} RoomSummary
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {import("../protocol/wire.js").RoomPosition} RoomPosition
 * @typedef {Omit<import("./joined_room.js").JoinedRoomPorts, "join" | "read">} RoomListPorts
 * @typedef {import("../protocol/connection.js").Connection} Connection
 */
import { updateRooms, loadRooms } from "../storage/rooms.js";
import { DEFAULT_ROOM } from "../protocol/wire.js";
import { JoinedRoom } from "./joined_room.js";

/** How many rooms are asked for at a time, and how many are listed at all. */
const LIST_PAGE = 100;
const LIST_MAX = 1_000;
/** Reading is written down at most so often, in milliseconds. */
const KEEP_MS = 500;

export class RoomList {
  /** @type {Map<string, JoinedRoom>} */
  joined = new Map();
  /** All rooms that have messages, by name. @type {RoomSummary[]} */
  listed = [];
  /** @type {Map<string, RoomPosition>} */
  #unkept = new Map();
  #listing = false;

  /**
   * @param {Pick<Connection, "ask">} connection
   * @param {import("../storage/local_store.js").LocalStore} store
   * @param {RoomListPorts} ports
   * @param {import("../protocol/clock.js").Clock} clock
   * @param {string} first The room to look at.
   */
  constructor(connection, store, ports, clock, first) {
    this.connection = connection;
    this.store = store;
    this.ports = ports;
    this.clock = clock;
    /** @type {import("./joined_room.js").JoinedRoomPorts} */
    this.joinedPorts = {
      ...ports,
      join: (request, answered) => connection.ask("join", request, answered),
      read: (joined) => this.#keepRead(joined),
    };
    for (const [name, read] of loadRooms(store)) this.#add(name, read);
    // Who comes for the first time finds the way to where all are.
    if (this.joined.size === 0) this.#enter(DEFAULT_ROOM);
    this.active = this.#enter(first);
    this.active.bringForward();
  }

  /** @returns {Record<string, RoomPosition>} */
  places() {
    /** @type {Record<string, RoomPosition>} */
    const places = {};
    for (const { name, room } of this.joined.values()) {
      const place = room.place();
      if (place) places[name] = place;
    }
    return places;
  }

  /** @param {import("../protocol/wire.js").Session} session */
  online({ epoch, rooms = {} }) {
    for (const { name, room } of this.#byImportance()) {
      const joined = Object.hasOwn(rooms, name) ? rooms[name] : undefined;
      room.online(joined ? { epoch, ...joined } : null);
    }
    this.list();
  }

  offline() {
    for (const { room } of this.joined.values()) room.offline();
  }

  /** @param {readonly Message[]} messages Of one room. */
  take(messages) {
    const joined = this.joined.get(messages[0]?.room ?? "");
    joined?.room.take(messages);
  }

  /**
   * Looks at a room, and enters it first if need be.
   *
   * @param {string} name
   * @param {boolean} online
   */
  look(name, online) {
    if (name === this.active.name) return;
    this.active.setAside();
    const known = this.joined.get(name);
    this.active = known ?? this.#enter(name);
    this.active.bringForward();
    if (!known && online) this.active.room.online(null);
    this.ports.changed(this.active);
  }

  /** Whether the room that is looked at can be left: one is always in some room, if only in the lobby. */
  get canLeave() {
    return this.#next(this.active.name) !== this.active.name;
  }

  /**
   * Leaves a room, if it can be left.
   *
   * @param {string} name
   * @param {boolean} online
   */
  leave(name, online) {
    const joined = this.joined.get(name);
    if (!joined || this.#next(name) === name) return;
    if (joined === this.active) this.look(this.#next(name), online);
    this.joined.delete(name);
    joined.room.offline();
    if (online) this.connection.ask("leave", { room: name }, () => {});
    updateRooms(this.store, (rooms) => rooms.delete(name));
    this.ports.changed(joined);
  }

  /**
   * Another window has entered, left or read rooms.
   *
   * @param {boolean} online
   */
  changedElsewhere(online) {
    const kept = loadRooms(this.store);
    for (const [name, place] of kept) {
      const known = this.joined.get(name);
      if (known && place) known.readElsewhere(place);
      if (!known) {
        const fresh = this.#add(name, place);
        if (online) fresh.room.online(null);
      }
    }
    for (const name of [...this.joined.keys()]) {
      if (kept.has(name) || name === this.active.name) continue;
      this.joined.get(name)?.room.offline();
      this.joined.delete(name);
    }
    this.ports.changed(this.active);
  }

  /** Asks for the list of all rooms. */
  list() {
    if (this.#listing) return;
    this.#listing = true;
    /** @type {RoomSummary[]} */
    const found = [];
    /** @param {string} [after] */
    const more = (after) => {
      /** @type {(answer: import("../protocol/wire.js").Response<{ rooms: RoomSummary[] }>) => void} */
      const answered = (answer) => {
        found.push(...(answer?.ok?.rooms ?? []));
        const last = answer?.ok?.rooms.length === LIST_PAGE ? answer.ok.rooms.at(-1) : undefined;
        if (last && found.length < LIST_MAX) {
          more(last.room);
          return;
        }
        this.#listing = false;
        if (answer?.ok) this.listed = found;
        this.ports.changed(this.active);
      };
      this.connection.ask("rooms", { limit: LIST_PAGE, ...(after !== undefined && { after }) }, answered);
    };
    more();
  }

  /** Those whose number counts: unread messages of all rooms, and mentions. */
  get totals() {
    let unread = 0;
    let mentions = 0;
    for (const joined of this.joined.values()) {
      unread += joined.unread;
      mentions += joined.mentions;
    }
    return { unread, mentions };
  }

  /** @param {string} name */
  #enter(name) {
    const known = this.joined.get(name);
    if (known) return known;
    updateRooms(this.store, (rooms) => rooms.set(name, rooms.get(name) ?? null));
    return this.#add(name, null);
  }

  /**
   * @param {string} name
   * @param {RoomPosition | null} read
   */
  #add(name, read) {
    const joined = new JoinedRoom(name, read, this.joinedPorts, this.clock);
    this.joined.set(name, joined);
    return joined;
  }

  /** Where one is after leaving a room. @param {string} left */
  #next(left) {
    const [other] = [...this.joined.keys()].filter((name) => name !== left).sort();
    return other ?? DEFAULT_ROOM;
  }

  /** The room that is looked at first: a node takes a session's requests in turn. */
  #byImportance() {
    return [this.active, ...[...this.joined.values()].filter((joined) => joined !== this.active)];
  }

  /** @param {JoinedRoom} joined */
  #keepRead({ name, readUpTo }) {
    if (!readUpTo) return;
    if (this.#unkept.size === 0) this.clock.after(KEEP_MS, () => this.keepReads());
    this.#unkept.set(name, readUpTo);
  }

  /** Writes down how far rooms were read. */
  keepReads() {
    if (this.#unkept.size === 0) return;
    updateRooms(this.store, (rooms) => {
      for (const [name, place] of this.#unkept) if (this.joined.has(name)) rooms.set(name, place);
    });
    this.#unkept.clear();
  }
}

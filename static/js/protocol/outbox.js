// @ts-check
/**
 * The outbox: posts that the node has not yet acked.
 *
 * Each post gets a nonce when it is written and keeps it until it is acked, over lost connections,
 * refusals and reloads of the page, so that the log stores it once. The posts of a room are sent in
 * the order in which they were written: after a retryable refusal, nothing is sent to that room until
 * every post in flight has a response; then all of them are sent again, from the first. Sent earlier,
 * a later post could overtake an earlier one.
 *
 * @typedef {import("./clock.js").Clock} Clock
 * @typedef {import("./wire.js").Post} Post
 * @typedef {import("./wire.js").PostResult} PostResult
 * @typedef {import("./wire.js").Refusal} Refusal
 *
 * @typedef {object} Entry
 * @property {string} room
 * @property {string} nonce
 * @property {string} text
 * @property {import("./wire.js").Kind} [kind] Absent for a text.
 * @property {number} [of] The seq of the text that it amends; absent for a text.
 * @property {number} writtenAt Milliseconds since 1970, strictly ascending: the order of sending.
 * @property {"waiting" | "sending" | "stored" | "failed"} state
 * @property {string} [userId] The user that it was first sent as: the nonce is scoped to that user.
 * @property {number} [seq] The seq that it was stored under.
 * @property {boolean} [seen] It arrived as a message before its ack, and is shown as that message.
 * @property {string} [reason] Why it failed.
 *
 * @typedef {object} OutboxPorts
 * @property {(post: Post, onResponse: (response: import("./wire.js").Response<PostResult>) => void) => void} send
 * @property {() => void} changed `entries` may have changed.
 * @property {() => string} newNonce
 *
 * @typedef {object} OutboxStore Persists entries over reloads; they are loaded once, at the start.
 * @property {(entry: Entry) => void} put
 * @property {(entry: Entry) => void} remove
 */
import { RetryPause } from "./retry_pause.js";
import { isRetryable } from "./wire.js";

/** The outbox's capacity; further posts are rejected. */
export const ENTRIES_MAX = 200;
/** How many posts of one room may be in flight. */
const IN_FLIGHT_MAX = 8;

/** A post sent as another user may or may not be stored, and this user's nonces cannot tell. */
const USER_CHANGED = "it is unknown whether this was sent, because your identity has changed since";

export class Outbox {
  /** The entries of all rooms, in the order in which they were written. @type {Entry[]} */
  #entries = [];
  /** Rooms that had a retryable refusal and are not sent to for now. @type {Map<string, RetryPause>} */
  #pauses = new Map();
  /** The user of the current session; `null` while offline. @type {string | null} */
  #userId = null;
  /** Identifies the current connection, so that responses on earlier ones are recognised. */
  #connectionId = 0;

  /**
   * @param {OutboxPorts} ports
   * @param {Clock} clock
   * @param {OutboxStore} store
   * @param {() => number} [random]
   */
  constructor(ports, clock, store, random = Math.random) {
    this.ports = ports;
    this.clock = clock;
    this.store = store;
    this.random = random;
  }

  /**
   * Adds entries that an earlier page left in the store.
   *
   * @param {readonly Entry[]} entries
   */
  restore(entries) {
    const known = new Set(this.#entries.map(({ nonce }) => nonce));
    const added = entries.filter(({ nonce }) => !known.has(nonce));
    for (const entry of added) this.#failIfUserChanged(entry);
    this.#entries = [...this.#entries, ...added].sort((one, other) => one.writtenAt - other.writtenAt);
    for (const room of new Set(added.map((entry) => entry.room))) this.#pump(room);
  }

  /**
   * The entries to show below a room's messages.
   *
   * @param {string} room
   * @returns {readonly Entry[]}
   */
  entries(room) {
    return this.#ofRoom(room).filter((entry) => !entry.seen);
  }

  /**
   * Adds a post and sends it when possible.
   *
   * @param {string} room
   * @param {string} text
   * @param {{ kind: import("./wire.js").Kind, of: number }} [amendment] What it does to which text; absent for a text.
   * @returns {boolean} `false` if the outbox is full.
   */
  post(room, text, amendment) {
    if (ENTRIES_MAX <= this.#entries.length) return false;
    const last = this.#entries.at(-1)?.writtenAt ?? 0;
    const writtenAt = Math.max(this.clock.now(), last + 1);
    /** @type {Entry} */
    const entry = { room, nonce: this.ports.newNonce(), text, ...amendment, writtenAt, state: "waiting" };
    this.#entries.push(entry);
    this.store.put(entry);
    this.#pump(room);
    return true;
  }

  /**
   * A connection is established: everything not yet acked is sent on it.
   *
   * @param {string} userId
   */
  online(userId) {
    this.offline();
    this.#userId = userId;
    for (const entry of this.#entries) this.#failIfUserChanged(entry);
    for (const room of new Set(this.#entries.map((entry) => entry.room))) this.#pump(room);
  }

  /** The connection is lost: what was in flight will be sent again. */
  offline() {
    this.#connectionId += 1;
    this.#userId = null;
    for (const pause of this.#pauses.values()) pause.cancel();
    this.#pauses.clear();
    this.#entries = this.#entries.filter((entry) => !entry.seen);
    for (const entry of this.#entries) {
      if (entry.state === "sending") entry.state = "waiting";
    }
    this.ports.changed();
  }

  /**
   * One of our own posts arrived as a message; from now on it is shown as that.
   *
   * It is still sent until it is acked, as long as this connection lasts: after a refusal the node
   * accepts nothing else for the room until this nonce returns.
   *
   * @param {string} nonce
   */
  confirm(nonce) {
    const entry = this.#entries.find((one) => one.nonce === nonce);
    if (!entry) return;
    entry.seen = true;
    this.store.remove(entry);
    if (entry.state === "waiting" || entry.state === "sending") this.ports.changed();
    else this.#drop(entry);
  }

  /**
   * All messages up to a seq were shown, and with them the entries stored there.
   *
   * @param {string} room
   * @param {number} seq
   */
  shownUpTo(room, seq) {
    for (const entry of this.#ofRoom(room)) {
      if (entry.state === "stored" && (entry.seq ?? 0) <= seq) this.#drop(entry);
    }
  }

  /** The log was replaced: messages stored in the old one will not arrive. */
  forgetStored() {
    for (const entry of [...this.#entries]) {
      if (entry.state === "stored") this.#drop(entry);
    }
  }

  /**
   * Posts a failed entry again, under a new nonce.
   *
   * @param {string} nonce
   */
  retry(nonce) {
    const entry = this.#findFailed(nonce);
    if (!entry) return;
    this.#drop(entry);
    const { room, text, kind, of } = entry;
    this.post(room, text, kind && of !== undefined ? { kind, of } : undefined);
  }

  /**
   * Drops a failed entry.
   *
   * @param {string} nonce
   */
  discard(nonce) {
    const entry = this.#findFailed(nonce);
    if (entry) this.#drop(entry);
  }

  /**
   * Sends what may be sent to a room now, in order.
   *
   * @param {string} room
   */
  #pump(room) {
    const userId = this.#userId;
    if (userId !== null && !this.#pauses.get(room)?.active) {
      const open = this.#ofRoom(room).filter(({ state }) => state === "waiting" || state === "sending");
      for (const entry of open.slice(0, IN_FLIGHT_MAX)) {
        if (entry.state === "waiting") this.#send(entry, userId);
      }
    }
    this.ports.changed();
  }

  /**
   * @param {Entry} entry
   * @param {string} userId
   */
  #send(entry, userId) {
    const connectionId = this.#connectionId;
    entry.state = "sending";
    entry.userId = userId;
    if (!entry.seen) this.store.put(entry);
    this.ports.send(postOf(entry), (response) => {
      // An ack on an earlier connection still holds; a refusal on one no longer means anything.
      const late = connectionId !== this.#connectionId || entry.state !== "sending";
      if (response?.ok) this.#onStored(entry, response.ok.seq);
      else if (!late) this.#onRefused(entry, response?.error ?? { code: "unknown" });
      if (!late) this.#resume(entry.room);
    });
  }

  /**
   * Fails an entry that was sent under another user than the current one.
   *
   * @param {Entry} entry
   */
  #failIfUserChanged(entry) {
    const changed = this.#userId !== null && entry.userId !== undefined && entry.userId !== this.#userId;
    if (changed && entry.state === "waiting") this.#fail(entry, USER_CHANGED);
  }

  /**
   * @param {Entry} entry
   * @param {number} seq
   */
  #onStored(entry, seq) {
    if (!this.#entries.includes(entry)) return;
    entry.state = "stored";
    entry.seq = seq;
    this.store.remove(entry);
    if (entry.seen) this.#drop(entry);
  }

  /**
   * @param {Entry} entry
   * @param {Refusal} refusal
   */
  #onRefused(entry, refusal) {
    if (!isRetryable(refusal)) {
      this.#fail(entry, refusal.detail ?? refusal.code);
      return;
    }
    entry.state = "waiting";
    const pause = this.#pauses.get(entry.room) ?? new RetryPause(this.random);
    this.#pauses.set(entry.room, pause);
    // The first refusal sets the wait for all that are in flight with it, since it caused the others.
    if (pause.active) return;
    pause.start(this.clock, refusal.retryAfterMs, () => this.#resume(entry.room));
  }

  /**
   * Continues after a pause, once its time has elapsed and nothing is in flight.
   *
   * @param {string} room
   */
  #resume(room) {
    const pause = this.#pauses.get(room);
    const busy = this.#ofRoom(room).some((entry) => entry.state === "sending");
    if (pause?.active) {
      if (pause.elapsed && !busy) pause.end();
    } else if (!busy) {
      // Everything went through: the next refusal starts with a short wait again.
      this.#pauses.delete(room);
    }
    this.#pump(room);
  }

  /**
   * @param {Entry} entry
   * @param {string} reason
   */
  #fail(entry, reason) {
    if (entry.seen) {
      this.#drop(entry);
      return;
    }
    entry.state = "failed";
    entry.reason = reason;
    this.store.put(entry);
  }

  /** @param {Entry} entry */
  #drop(entry) {
    this.#entries = this.#entries.filter((one) => one !== entry);
    this.store.remove(entry);
    this.#resume(entry.room);
  }

  /** @param {string} room */
  #ofRoom(room) {
    return this.#entries.filter((entry) => entry.room === room);
  }

  /** @param {string} nonce */
  #findFailed(nonce) {
    return this.#entries.find((entry) => entry.nonce === nonce && entry.state === "failed");
  }
}

/**
 * @param {Entry} entry
 * @returns {Post}
 */
function postOf({ room, nonce, text, kind, of }) {
  if (kind === undefined) return { room, nonce, text };
  return kind === "delete" ? { room, nonce, kind, of } : { room, nonce, text, kind, of };
}

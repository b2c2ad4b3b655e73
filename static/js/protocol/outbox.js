// @ts-check
/**
 * What this page has to say and the node has not yet taken.
 *
 * Each message gets a nonce when it is written and keeps it until the node has acked it, through
 * lost connections, refusals and reloads of the page, so that the log stores it once. The messages
 * of a room are sent in the order in which they were written: after a refusal that may pass,
 * nothing more is sent to that room until all that is under way was answered, and then all of it
 * again from the first one. (Sent earlier, a later message could overtake.)
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
 * @property {import("./wire.js").Kind} [kind] What is said; absent: a text.
 * @property {number} [of] The place of the text that it is about, where it is no text itself.
 * @property {number} writtenAt Milliseconds since 1970, ascending: the order of sending.
 * @property {"waiting" | "sending" | "stored" | "failed"} state
 * @property {string} [userId] Who it was first sent as: its nonce means nothing under another.
 * @property {number} [seq] Where it was stored.
 * @property {boolean} [seen] It came back as a message before the ack did, and is shown as that.
 * @property {string} [reason] Why it failed.
 *
 * @typedef {object} OutboxPorts
 * @property {(post: Post, answered: (answer: import("./wire.js").Response<PostResult>) => void) => void} send
 * @property {() => void} changed `entries` may be others.
 * @property {() => string} newNonce
 *
 * @typedef {object} OutboxStore Where what is not yet acked survives a reload; read once, at the start.
 * @property {(entry: Entry) => void} put
 * @property {(entry: Entry) => void} remove
 */
import { Backoff } from "./backoff.js";
import { isRetryable } from "./wire.js";

/** How many messages may wait; more are not accepted from the writer. */
export const ENTRIES_MAX = 200;
/** How many of one room are under way at once. */
const WINDOW = 8;

/** What was sent as someone else may be stored or not, and no nonce can tell. */
const NOT_KNOWN = "not known whether it was sent: you are someone else now";

export class Outbox {
  /** All rooms' entries, in the order in which they were written. @type {Entry[]} */
  #entries = [];
  /** Rooms that had a refusal: nothing is sent to them for now. @type {Map<string, Pause>} */
  #pauses = new Map();
  /** Who the node takes us for; `null` while there is no connection. @type {string | null} */
  #userId = null;
  /** Tells answers on this connection from answers on earlier ones. */
  #connection = 0;

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
   * Takes over what an earlier page left behind.
   *
   * @param {readonly Entry[]} entries
   */
  restore(entries) {
    const known = new Set(this.#entries.map(({ nonce }) => nonce));
    const fresh = entries.filter(({ nonce }) => !known.has(nonce));
    for (const entry of fresh) this.#disown(entry);
    this.#entries = [...this.#entries, ...fresh].sort((one, other) => one.writtenAt - other.writtenAt);
    for (const room of new Set(fresh.map((entry) => entry.room))) this.#pump(room);
  }

  /**
   * What is to be shown in a room behind its messages.
   *
   * @param {string} room
   * @returns {readonly Entry[]}
   */
  entries(room) {
    return this.#of(room).filter((entry) => !entry.seen);
  }

  /**
   * Takes a message to send.
   *
   * @param {string} room
   * @param {string} text
   * @param {{ kind: import("./wire.js").Kind, of: number }} [about] Where it is no text: what it does to which.
   * @returns {boolean} Whether there was place for it.
   */
  post(room, text, about) {
    if (ENTRIES_MAX <= this.#entries.length) return false;
    const last = this.#entries.at(-1)?.writtenAt ?? 0;
    const writtenAt = Math.max(this.clock.now(), last + 1);
    /** @type {Entry} */
    const entry = { room, nonce: this.ports.newNonce(), text, ...about, writtenAt, state: "waiting" };
    this.#entries.push(entry);
    this.store.put(entry);
    this.#pump(room);
    return true;
  }

  /**
   * A connection stands: everything that was not acked is sent on it.
   *
   * @param {string} userId
   */
  online(userId) {
    this.offline();
    this.#userId = userId;
    for (const entry of this.#entries) this.#disown(entry);
    for (const room of new Set(this.#entries.map((entry) => entry.room))) this.#pump(room);
  }

  /** The connection is gone: what was under way will be sent again. */
  offline() {
    this.#connection += 1;
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
   * A message of ours came back: it is shown as what it is now.
   *
   * It is still sent until it is acked, as long as this connection lasts: after a refusal the node
   * takes nothing else for the room before this nonce returns.
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
   * Everything up to a place was shown, with it what was stored there.
   *
   * @param {string} room
   * @param {number} seq
   */
  shown(room, seq) {
    for (const entry of this.#of(room)) {
      if (entry.state === "stored" && (entry.seq ?? 0) <= seq) this.#drop(entry);
    }
  }

  /** The log is another one: what the old one stored will not come any more. */
  forgetStored() {
    for (const entry of [...this.#entries]) {
      if (entry.state === "stored") this.#drop(entry);
    }
  }

  /**
   * The writer wants a failed message sent after all, as a new one.
   *
   * @param {string} nonce
   */
  retry(nonce) {
    const entry = this.#failed(nonce);
    if (!entry) return;
    this.#drop(entry);
    const { room, text, kind, of } = entry;
    this.post(room, text, kind && of !== undefined ? { kind, of } : undefined);
  }

  /**
   * The writer gives a failed message up.
   *
   * @param {string} nonce
   */
  discard(nonce) {
    const entry = this.#failed(nonce);
    if (entry) this.#drop(entry);
  }

  /**
   * Sends what may be sent to a room, in order.
   *
   * @param {string} room
   */
  #pump(room) {
    const userId = this.#userId;
    if (userId !== null && !this.#pauses.get(room)?.holds) {
      const open = this.#of(room).filter(({ state }) => state === "waiting" || state === "sending");
      for (const entry of open.slice(0, WINDOW)) {
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
    const connection = this.#connection;
    entry.state = "sending";
    entry.userId = userId;
    if (!entry.seen) this.store.put(entry);
    this.ports.send(postOf(entry), (answer) => {
      // Acks of an earlier connection are as true as ever; its refusals say nothing any more.
      const late = connection !== this.#connection || entry.state !== "sending";
      if (answer?.ok) this.#stored(entry, answer.ok.seq);
      else if (!late) this.#refused(entry, answer?.error ?? { code: "unknown" });
      if (!late) this.#resume(entry.room);
    });
  }

  /**
   * Gives up what was sent as someone else than we are now.
   *
   * @param {Entry} entry
   */
  #disown(entry) {
    const other = this.#userId !== null && entry.userId !== undefined && entry.userId !== this.#userId;
    if (other && entry.state === "waiting") this.#fail(entry, NOT_KNOWN);
  }

  /**
   * @param {Entry} entry
   * @param {number} seq
   */
  #stored(entry, seq) {
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
  #refused(entry, refusal) {
    if (!isRetryable(refusal)) {
      this.#fail(entry, refusal.detail ?? refusal.code);
      return;
    }
    entry.state = "waiting";
    const pause = this.#pauses.get(entry.room) ?? new Pause(this.random);
    this.#pauses.set(entry.room, pause);
    // One wait for all that fail together: the first refusal's, which is the cause of the others.
    if (pause.holds) return;
    pause.hold(this.clock, refusal.retryAfterMs, () => this.#resume(entry.room));
  }

  /**
   * Goes on after a pause, once its time is over and nothing is under way.
   *
   * @param {string} room
   */
  #resume(room) {
    const pause = this.#pauses.get(room);
    const busy = this.#of(room).some((entry) => entry.state === "sending");
    if (pause?.holds) {
      if (pause.over && !busy) pause.end();
    } else if (!busy) {
      // All of them went through: the next refusal is a new story.
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
  #of(room) {
    return this.#entries.filter((entry) => entry.room === room);
  }

  /** @param {string} nonce */
  #failed(nonce) {
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

/** A room's wait after a refusal, and the memory of the waits before it. */
class Pause {
  /** Whether nothing may be sent. */
  holds = false;
  /** Whether the time is over. */
  over = false;
  cancel = () => {};

  /** @param {() => number} random */
  constructor(random) {
    this.backoff = new Backoff({ firstMs: 500, maxMs: 15_000, random });
  }

  /**
   * @param {Clock} clock
   * @param {number | undefined} atLeastMs
   * @param {() => void} then
   */
  hold(clock, atLeastMs, then) {
    this.holds = true;
    this.over = false;
    this.cancel = clock.after(this.backoff.next(atLeastMs), () => {
      this.over = true;
      then();
    });
  }

  /** Lets the room be sent to again, but remembers that it was refused. */
  end() {
    this.holds = false;
  }
}

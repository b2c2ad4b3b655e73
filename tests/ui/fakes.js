// @ts-check
/** Fakes for the tests: a manual clock, messages, storage, a connection. */

/**
 * A clock that stands still until it is advanced.
 *
 * @returns {import("../../static/js/protocol/clock.js").Clock & { advance: (ms: number) => void, pendingTimers: () => number }}
 */
export function manualClock() {
  let now = 1_000_000;
  /** @type {{ due: number, then: () => void }[]} */
  let timers = [];
  return {
    now: () => now,
    after(ms, then) {
      const timer = { due: now + ms, then };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const [next] = timers.filter(({ due }) => due <= end).sort((one, other) => one.due - other.due);
        if (!next) break;
        timers = timers.filter((one) => one !== next);
        now = next.due;
        next.then();
      }
      now = end;
    },
    pendingTimers: () => timers.length,
  };
}

/**
 * Messages of a room with the given seqs.
 *
 * @param {number[]} seqs
 * @param {Partial<import("../../static/js/protocol/wire.js").Message>} [more]
 * @returns {import("../../static/js/protocol/wire.js").Message[]}
 */
export function messagesAt(seqs, more = {}) {
  return seqs.map((seq) => ({
    room: "lobby",
    seq,
    kind: "text",
    author: { id: "u1", name: "Ada" },
    text: `message ${seq}`,
    at: 0,
    ...more,
  }));
}

/**
 * An outbox store in memory; like a database, it stores copies.
 *
 * @returns {import("../../static/js/protocol/outbox.js").OutboxStore & { load: () => import("../../static/js/protocol/outbox.js").Entry[] }}
 */
export function memoryOutbox() {
  /** @type {Map<string, import("../../static/js/protocol/outbox.js").Entry>} */
  const stored = new Map();
  return {
    put: (entry) => void stored.set(entry.nonce, structuredClone(entry)),
    remove: ({ nonce }) => void stored.delete(nonce),
    load: () =>
      [...stored.values()]
        .map((entry) => ({ ...structuredClone(entry), state: entry.state === "failed" ? entry.state : /** @type {const} */ ("waiting") }))
        .sort((one, other) => one.writtenAt - other.writtenAt),
  };
}

/**
 * A browser's `Storage` in memory; it can be full.
 *
 * @returns {Storage & { full: boolean }}
 */
export function memoryStorage() {
  /** @type {Map<string, string>} */
  const stored = new Map();
  const storage = {
    full: false,
    get length() {
      return stored.size;
    },
    key: (/** @type {number} */ n) => [...stored.keys()][n] ?? null,
    getItem: (/** @type {string} */ key) => stored.get(key) ?? null,
    setItem(/** @type {string} */ key, /** @type {string} */ value) {
      if (storage.full) throw new DOMException("no space", "QuotaExceededError");
      stored.set(key, value);
    },
    removeItem: (/** @type {string} */ key) => void stored.delete(key),
    clear: () => stored.clear(),
  };
  return storage;
}

/** A connection whose requests wait until the test responds; while offline, they fail at once. */
export function fakeConnection() {
  /** @type {{ event: string, request: any, onResponse: (response: any) => void }[]} */
  const waiting = [];
  const connection = {
    online: true,
    /** @type {import("../../static/js/protocol/connection.js").Connection["request"]} */
    request(event, request, onResponse) {
      if (connection.online) waiting.push({ event, request, onResponse });
      else onResponse(null);
    },
    /** The requests of an event that wait for a response. @param {string} event */
    pending: (event) => waiting.filter((one) => one.event === event).map(({ request }) => request),
    /** Responds to the first waiting request of an event. @param {string} event @param {any} response */
    respond(event, response) {
      const at = waiting.findIndex((one) => one.event === event);
      const [first] = at === -1 ? [] : waiting.splice(at, 1);
      if (!first) throw new Error(`no request ${event} is waiting`);
      first.onResponse(response);
    },
  };
  return connection;
}

/**
 * Pseudo-random numbers from 0 to 1, the same for each seed.
 *
 * @param {number} seed
 */
export function seeded(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

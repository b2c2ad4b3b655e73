// @ts-check
/** Stand-ins for what the page's parts are given: a clock turned by hand, messages, storage. */

/**
 * A clock that stands still until it is turned.
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
 * Messages of a room at the given places.
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
 * A store for the outbox, in memory: what is in it is a copy, as a database's is.
 *
 * @returns {import("../../static/js/protocol/outbox.js").OutboxStore & { load: () => import("../../static/js/protocol/outbox.js").Entry[] }}
 */
export function memoryOutbox() {
  /** @type {Map<string, import("../../static/js/protocol/outbox.js").Entry>} */
  const kept = new Map();
  return {
    put: (entry) => void kept.set(entry.nonce, structuredClone(entry)),
    remove: ({ nonce }) => void kept.delete(nonce),
    load: () =>
      [...kept.values()]
        .map((entry) => ({ ...structuredClone(entry), state: entry.state === "failed" ? entry.state : /** @type {const} */ ("waiting") }))
        .sort((one, other) => one.writtenAt - other.writtenAt),
  };
}

/**
 * A browser's small storage, in memory; it can be full.
 *
 * @returns {Storage & { full: boolean }}
 */
export function memoryStorage() {
  /** @type {Map<string, string>} */
  const kept = new Map();
  const storage = {
    full: false,
    get length() {
      return kept.size;
    },
    key: (/** @type {number} */ n) => [...kept.keys()][n] ?? null,
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem(/** @type {string} */ key, /** @type {string} */ value) {
      if (storage.full) throw new DOMException("no space", "QuotaExceededError");
      kept.set(key, value);
    },
    removeItem: (/** @type {string} */ key) => void kept.delete(key),
    clear: () => kept.clear(),
  };
  return storage;
}

/**
 * The requests of a connection, which wait for the test's answers; without one it is offline.
 */
export function fakeConnection() {
  /** @type {{ event: string, request: any, answered: (answer: any) => void }[]} */
  const waiting = [];
  const requests = {
    online: true,
    /** @type {import("../../static/js/protocol/connection.js").Connection["ask"]} */
    ask(event, request, answered) {
      if (requests.online) waiting.push({ event, request, answered });
      else answered(null);
    },
    /** Those that wait for an answer, by event. @param {string} event */
    asked: (event) => waiting.filter((one) => one.event === event).map(({ request }) => request),
    /** Answers the first of an event that waits. @param {string} event @param {any} answer */
    answer(event, answer) {
      const at = waiting.findIndex((one) => one.event === event);
      const [first] = at === -1 ? [] : waiting.splice(at, 1);
      if (!first) throw new Error(`nobody asks for ${event}`);
      first.answered(answer);
    },
  };
  return requests;
}

/**
 * Numbers from 0 to 1 that look random, the same for each seed.
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

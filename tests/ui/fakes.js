// @ts-check
/** Stand-ins for what the page's parts are given: a clock turned by hand, messages, storage. */

/**
 * A clock that stands still until it is turned.
 *
 * @returns {import("../../static/js/clock.js").Clock & { turn: (ms: number) => void, waiting: () => number }}
 */
export function handClock() {
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
    turn(ms) {
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
    waiting: () => timers.length,
  };
}

/**
 * Messages of a room at the given places.
 *
 * @param {number[]} seqs
 * @param {Partial<import("../../static/js/wire.js").Message>} [more]
 * @returns {import("../../static/js/wire.js").Message[]}
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
 * A browser's storage, in memory.
 *
 * @returns {Storage}
 */
export function memoryStorage() {
  // Its keys are its own properties, as a browser's are; its methods are not.
  return Object.create({
    getItem: read,
    setItem: write,
    removeItem: remove,
  });
}

/**
 * @this {Record<string, string>}
 * @param {string} key
 */
function read(key) {
  return Object.hasOwn(this, key) ? this[key] : null;
}

/**
 * @this {Record<string, string>}
 * @param {string} key
 * @param {string} value
 */
function write(key, value) {
  this[key] = String(value);
}

/**
 * @this {Record<string, string>}
 * @param {string} key
 */
function remove(key) {
  delete this[key];
}

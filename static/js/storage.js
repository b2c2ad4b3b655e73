// @ts-check
/**
 * What the page remembers beyond a reload: who we are, and what is not yet acked.
 *
 * A browser may refuse storage; the page works without it, but forgets.
 *
 * @typedef {import("./outbox.js").Entry} Entry
 */

const TOKEN = "chorus.token";
const NAME = "chorus.name";
// A key for each message: several windows of one person share the storage and must not overwrite
// each other. Each sends what all have left behind; the nonce makes that harmless.
const OUTBOX = "chorus.outbox.";

/**
 * Who this window is. It stays that while it is open, whatever other windows become meanwhile.
 *
 * @param {Storage | null} storage
 * @returns {import("./connection.js").Identity}
 */
export function identityIn(storage) {
  let token = read(storage, TOKEN) ?? undefined;
  let name = read(storage, NAME) ?? undefined;
  return {
    get token() {
      return token;
    },
    set token(value) {
      token = value;
      write(storage, TOKEN, value);
    },
    get name() {
      return name;
    },
    set name(value) {
      name = value;
      write(storage, NAME, value);
    },
  };
}

/**
 * @param {Storage | null} storage
 * @returns {import("./outbox.js").OutboxStore}
 */
export function outboxIn(storage) {
  return {
    load() {
      const keys = Object.keys(storage ?? {}).filter((key) => key.startsWith(OUTBOX));
      return keys
        .flatMap((key) => parse(read(storage, key)))
        .sort((one, other) => one.writtenAt - other.writtenAt);
    },
    put: (entry) => write(storage, OUTBOX + entry.nonce, JSON.stringify(entry)),
    remove: (entry) => write(storage, OUTBOX + entry.nonce, undefined),
  };
}

/** The browser's storage, or `null` where it may not be used. */
export function localStorageOrNull() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/**
 * @param {string | null} json
 * @returns {Entry[]} One, or none if it is not an entry.
 */
function parse(json) {
  try {
    /** @type {Entry} */
    const entry = JSON.parse(json ?? "null");
    const strings = [entry.room, entry.nonce, entry.text].every((field) => typeof field === "string");
    if (!strings || typeof entry.writtenAt !== "number") return [];
    return [{ ...entry, state: entry.state === "failed" ? "failed" : "waiting" }];
  } catch {
    return [];
  }
}

/**
 * @param {Storage | null} storage
 * @param {string} key
 */
function read(storage, key) {
  try {
    return storage?.getItem(key) ?? null;
  } catch {
    return null;
  }
}

/**
 * @param {Storage | null} storage
 * @param {string} key
 * @param {string | undefined} value
 */
function write(storage, key, value) {
  try {
    if (value === undefined) storage?.removeItem(key);
    else storage?.setItem(key, value);
  } catch {
    // Full or forbidden: the page still has it in memory.
  }
}

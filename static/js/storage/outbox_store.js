// @ts-check
/**
 * The outbox on disk: what was written and is not yet acked, beyond a reload, a crash and hours
 * offline. All windows share it; each entry says which window sends it.
 *
 * @typedef {import("../protocol/outbox.js").Entry & { tab: string }} StoredEntry
 */

const DATABASE = "chorus";
const OUTBOX = "outbox";

export class OutboxStore {
  /** @type {Promise<IDBDatabase | null>} */
  #database;
  #claimed = false;

  /**
   * @param {IDBFactory | undefined} factory
   * @param {(reason: string) => void} failed What is written is not kept, and why.
   * @param {Pick<StorageManager, "persist"> | undefined} storage Absent on plain http.
   */
  constructor(factory, failed, storage) {
    this.failed = failed;
    this.storage = storage;
    this.#database = open(factory).catch((error) => {
      failed(reasonOf(error));
      return null;
    });
  }

  /** @returns {Promise<StoredEntry[]>} */
  async load() {
    const database = await this.#database;
    if (!database) return [];
    try {
      const all = await done(database.transaction(OUTBOX).objectStore(OUTBOX).getAll());
      return all.flatMap(entryOf).sort((one, other) => one.writtenAt - other.writtenAt);
    } catch (error) {
      this.failed(reasonOf(error));
      return [];
    }
  }

  /** @param {StoredEntry} entry */
  put(entry) {
    void this.#claim();
    return this.#write((outbox) => outbox.put(structuredClone(entry)));
  }

  /** @param {{ nonce: string }} entry */
  remove({ nonce }) {
    return this.#write((outbox) => outbox.delete(nonce));
  }

  /** Asks, once, that a browser that is short of space throws away something else. */
  async #claim() {
    if (this.#claimed) return;
    this.#claimed = true;
    try {
      await this.storage?.persist();
    } catch {
      // Then it is kept as long as there is space.
    }
  }

  /** @param {(outbox: IDBObjectStore) => void} change */
  async #write(change) {
    const database = await this.#database;
    if (!database) return;
    try {
      // Strict: what the page shows as written survives a crash of the machine, too.
      const transaction = database.transaction(OUTBOX, "readwrite", { durability: "strict" });
      change(transaction.objectStore(OUTBOX));
      await committed(transaction);
    } catch (error) {
      this.failed(reasonOf(error));
    }
  }
}

/**
 * @param {IDBFactory | undefined} factory
 * @returns {Promise<IDBDatabase>}
 */
async function open(factory) {
  if (!factory) throw new Error("the browser has no database");
  const opening = factory.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(OUTBOX, { keyPath: "nonce" });
  return done(opening);
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * @param {IDBTransaction} transaction
 * @returns {Promise<void>}
 */
function committed(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/**
 * @param {any} kept
 * @returns {StoredEntry[]} One, or none if it is not an entry.
 */
function entryOf(kept) {
  const strings = [kept?.room, kept?.nonce, kept?.text, kept?.tab].every((field) => typeof field === "string");
  if (!strings || typeof kept.writtenAt !== "number") return [];
  return [{ ...kept, state: kept.state === "failed" ? "failed" : "waiting" }];
}

/** @param {any} error */
function reasonOf(error) {
  return error?.name === "QuotaExceededError" ? "the browser's storage is full" : "the browser denies storage";
}

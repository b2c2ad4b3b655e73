// @ts-check
/**
 * The outbox in IndexedDB: posts that are not yet acked survive reloads, crashes and hours offline.
 * All windows share it; each entry names the window that sends it.
 *
 * @typedef {import("../protocol/outbox.js").Entry & { tab: string }} StoredEntry
 */

const DATABASE = "chorus";
const OUTBOX = "outbox";

export class OutboxStore {
  /** @type {Promise<IDBDatabase | null>} */
  #database;
  #persistRequested = false;

  /**
   * @param {IDBFactory | undefined} factory
   * @param {(reason: string) => void} failed Called when entries cannot be stored, with the reason.
   * @param {Pick<StorageManager, "persist"> | undefined} storage Absent in insecure contexts.
   */
  constructor(factory, failed, storage) {
    this.failed = failed;
    this.storage = storage;
    this.#database = open(factory).catch((error) => {
      failed(failureReason(error));
      return null;
    });
  }

  /** @returns {Promise<StoredEntry[]>} */
  async load() {
    const database = await this.#database;
    if (!database) return [];
    try {
      const all = await completed(database.transaction(OUTBOX).objectStore(OUTBOX).getAll());
      return all.flatMap(parseEntry).sort((one, other) => one.writtenAt - other.writtenAt);
    } catch (error) {
      this.failed(failureReason(error));
      return [];
    }
  }

  /** @param {StoredEntry} entry */
  put(entry) {
    void this.#requestPersistence();
    return this.#write((outbox) => outbox.put(structuredClone(entry)));
  }

  /** @param {{ nonce: string }} entry */
  remove({ nonce }) {
    return this.#write((outbox) => outbox.delete(nonce));
  }

  /** Asks the browser, once, not to evict this storage when it is short of space. */
  async #requestPersistence() {
    if (this.#persistRequested) return;
    this.#persistRequested = true;
    try {
      await this.storage?.persist();
    } catch {
      // Denied: entries are kept as long as there is space.
    }
  }

  /** @param {(outbox: IDBObjectStore) => void} change */
  async #write(change) {
    const database = await this.#database;
    if (!database) return;
    try {
      // Strict durability: what the page shows as written also survives a crash of the machine.
      const transaction = database.transaction(OUTBOX, "readwrite", { durability: "strict" });
      change(transaction.objectStore(OUTBOX));
      await committed(transaction);
    } catch (error) {
      this.failed(failureReason(error));
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
  return completed(opening);
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function completed(request) {
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
 * @param {any} stored
 * @returns {StoredEntry[]} Empty if it is malformed.
 */
function parseEntry(stored) {
  const strings = [stored?.room, stored?.nonce, stored?.text, stored?.tab].every((field) => typeof field === "string");
  if (!strings || typeof stored.writtenAt !== "number") return [];
  return [{ ...stored, state: stored.state === "failed" ? "failed" : "waiting" }];
}

/** @param {any} error */
function failureReason(error) {
  return error?.name === "QuotaExceededError" ? "the browser's storage is full" : "the browser denies storage";
}

// @ts-check
/**
 * The browser's small storage, which may be full, forbidden or absent: then the page forgets at the
 * next reload, but works.
 */

export class LocalStore {
  /** What could not be written, so that what is read is what was written last. @type {Map<string, string | undefined>} */
  #unwritten = new Map();

  /** @param {Storage | null} storage */
  constructor(storage) {
    this.storage = storage;
  }

  /**
   * @param {string} key
   * @returns {string | undefined}
   */
  get(key) {
    if (this.#unwritten.has(key)) return this.#unwritten.get(key);
    try {
      return this.storage?.getItem(key) ?? undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * @param {string} key
   * @param {string | undefined} value Absent: the key is removed.
   */
  set(key, value) {
    try {
      if (!this.storage) throw new Error("there is no storage");
      if (value === undefined) this.storage.removeItem(key);
      else this.storage.setItem(key, value);
      this.#unwritten.delete(key);
    } catch {
      this.#unwritten.set(key, value);
    }
  }

  /**
   * @param {string} key
   * @returns {unknown} `undefined` if there is nothing, or nothing that can be read.
   */
  getJson(key) {
    try {
      return JSON.parse(this.get(key) ?? "null") ?? undefined;
    } catch {
      return undefined;
    }
  }
}

/**
 * One of the browser's storages, or `null` where it may not be used.
 *
 * @param {"localStorage" | "sessionStorage"} name
 */
export function storageOrNull(name) {
  try {
    return window[name];
  } catch {
    return null;
  }
}

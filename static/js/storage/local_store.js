// @ts-check
/**
 * Local or session storage that may be full, denied or absent. Values that cannot be written are
 * kept in memory until the next reload.
 */

export class LocalStore {
  /** Values that could not be written; they take precedence when read. @type {Map<string, string | undefined>} */
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
   * @param {string | undefined} value `undefined` removes the key.
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
   * @returns {unknown} `undefined` if the value is absent or no JSON.
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
 * One of the browser's storages; `null` if access is denied.
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

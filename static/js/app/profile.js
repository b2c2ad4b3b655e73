// @ts-check
/**
 * The user of this page: who the node says they are, and how they rename themselves.
 *
 * @typedef {import("../protocol/wire.js").User} User
 */
import { isUnsupported } from "../protocol/wire.js";

export class Profile {
  /** The session's user; `null` before the first session. @type {User | null} */
  #user = null;

  /**
   * @param {import("../storage/identity.js").StoredIdentity} identity
   * @param {import("../protocol/connection.js").Connection} connection
   * @param {() => void} changed
   */
  constructor(identity, connection, changed) {
    this.identity = identity;
    this.connection = connection;
    this.changed = changed;
  }

  /** @returns {User} */
  get me() {
    const { name, color } = this.identity;
    return this.#user ?? { id: "", name: name ?? "you", ...(color !== undefined && { color }) };
  }

  /** @param {User} user The new session's. */
  online(user) {
    this.#user = user;
  }

  /**
   * @param {string} name
   * @param {number} color
   * @returns {Promise<string | null>} Why it failed; `null` if it succeeded.
   */
  async rename(name, color) {
    if (!this.connection.online) {
      // The node is told at the next connect.
      Object.assign(this.identity, { name, color });
      this.#update({ ...this.me, name, color });
      return null;
    }
    const response = await this.#requestRename(name, color);
    if (response?.error && !isUnsupported(response.error)) return response.error.detail ?? response.error.code;
    if (!response) return "The node did not answer. Try again.";
    Object.assign(this.identity, { name, color });
    if (response.ok) {
      this.identity.token = response.ok.token;
      this.#update(response.ok.user);
    } else {
      // A node without this request takes the name at connect.
      this.connection.reconnect();
    }
    return null;
  }

  /** Takes over the name and colour that another window has stored. */
  syncFromStorage() {
    const { name, color } = this.me;
    this.identity.reload();
    const next = { name: this.identity.name ?? name, color: this.identity.color ?? color };
    if (next.name === name && next.color === color) return;
    this.#update({ ...this.me, ...next });
    if (this.connection.online) void this.#requestRename(next.name, next.color);
  }

  /**
   * @param {string} name
   * @param {number | undefined} color
   * @returns {Promise<import("../protocol/wire.js").Response<{ token: string, user: User }>>}
   */
  #requestRename(name, color) {
    return new Promise((resolve) => this.connection.request("rename", { name, ...(color !== undefined && { color }) }, resolve));
  }

  /** @param {User} user */
  #update(user) {
    if (this.#user) this.#user = user;
    this.changed();
  }
}

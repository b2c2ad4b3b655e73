// @ts-check
/**
 * Which window sends what: each sends what was written in it, and one of those left sends what a
 * closed window has left behind.
 *
 * A window holds a lock of its own as long as it lives, so that others can tell, and wait for its
 * end. Where the browser has no locks (on plain http, but for localhost), each window sends all that
 * it finds: the nonces make that harmless.
 *
 * @typedef {import("./outbox_store.js").StoredEntry} StoredEntry
 * @typedef {{ load: () => Promise<StoredEntry[]>, put: (entry: StoredEntry) => unknown }} Store
 * @typedef {Pick<LockManager, "request" | "query">} Locks
 * @typedef {{ postMessage: (message: unknown) => void, onmessage: ((event: MessageEvent) => void) | null }} Channel
 */

const TAB = "chorus.tab.";
/** Held while someone looks for what was left behind, so that no two take the same. */
const ADOPTION = "chorus.adoption";

export class TabCoordinator {
  /** Windows whose end is waited for. @type {Set<string>} */
  #watched = new Set();

  /**
   * @param {string} id This window's.
   * @param {{ locks: Locks | undefined, channel: Channel | undefined }} browser
   * @param {Store} store
   * @param {(entries: StoredEntry[]) => void} adopt Takes what was left behind.
   */
  constructor(id, { locks, channel }, store, adopt) {
    this.id = id;
    this.locks = locks;
    this.channel = channel;
    this.store = store;
    this.adopt = adopt;
  }

  /** Begins; what was left behind is adopted before it ends. */
  async start() {
    const { locks, channel, id } = this;
    if (!locks) {
      this.adopt(await this.store.load());
      return;
    }
    await new Promise((held) => {
      void locks.request(TAB + id, () => {
        held(undefined);
        // Until the window is closed.
        return new Promise(() => {});
      });
    });
    if (channel) {
      channel.onmessage = ({ data }) => this.#hear(data);
      channel.postMessage({ hello: id });
    }
    await this.#adoptOrphans(locks);
  }

  /** @param {any} data */
  #hear(data) {
    const other = data?.hello ?? data?.here;
    if (typeof other !== "string" || other === this.id) return;
    if (data.hello) this.channel?.postMessage({ here: this.id });
    if (this.#watched.has(other) || !this.locks) return;
    this.#watched.add(other);
    void this.#await(this.locks, other);
  }

  /**
   * Waits for another window's end.
   *
   * @param {Locks} locks
   * @param {string} other
   */
  async #await(locks, other) {
    await locks.request(TAB + other, () => {});
    // Only now: while we held its lock, it seemed to be alive.
    this.#watched.delete(other);
    await this.#adoptOrphans(locks);
  }

  /** @param {Locks} locks */
  async #adoptOrphans(locks) {
    await locks.request(ADOPTION, async () => {
      const { held = [] } = await locks.query();
      const alive = new Set(held.map(({ name }) => name));
      const orphans = (await this.store.load()).filter(({ tab }) => tab !== this.id && !alive.has(TAB + tab));
      const adopted = orphans.map((entry) => ({ ...entry, tab: this.id }));
      await Promise.all(adopted.map((entry) => this.store.put(entry)));
      this.adopt(adopted);
    });
  }
}

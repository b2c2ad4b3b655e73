// @ts-check
/**
 * Decides which window sends which outbox entries: each window sends its own, and one of the
 * remaining windows adopts the entries of a closed one.
 *
 * A window holds a Web Lock of its own while it is open; other windows wait for that lock to learn
 * that it was closed. In insecure contexts, which have no Web Locks, each window adopts all entries
 * at its start: the nonces make sending them twice harmless.
 *
 * @typedef {import("./outbox_store.js").StoredEntry} StoredEntry
 * @typedef {{ load: () => Promise<StoredEntry[]>, put: (entry: StoredEntry) => unknown }} Store
 * @typedef {Pick<LockManager, "request" | "query">} Locks
 * @typedef {{ postMessage: (message: unknown) => void, onmessage: ((event: MessageEvent) => void) | null }} Channel
 */

const TAB_LOCK = "chorus.tab.";
/** Held while a window adopts entries, so that no two windows adopt the same. */
const ADOPTION_LOCK = "chorus.adoption";

export class TabCoordinator {
  /** Windows whose locks are being waited for. @type {Set<string>} */
  #watched = new Set();

  /**
   * @param {string} id This window's id.
   * @param {{ locks: Locks | undefined, channel: Channel | undefined }} browser
   * @param {Store} store
   * @param {(entries: StoredEntry[]) => void} adopt Takes over the entries of closed windows.
   */
  constructor(id, { locks, channel }, store, adopt) {
    this.id = id;
    this.locks = locks;
    this.channel = channel;
    this.store = store;
    this.adopt = adopt;
  }

  /** Takes this window's lock and announces it; entries of closed windows are adopted before this resolves. */
  async start() {
    const { locks, channel, id } = this;
    if (!locks) {
      this.adopt(await this.store.load());
      return;
    }
    await new Promise((held) => {
      void locks.request(TAB_LOCK + id, () => {
        held(undefined);
        // Held until the window is closed.
        return new Promise(() => {});
      });
    });
    if (channel) {
      channel.onmessage = ({ data }) => this.#onMessage(data);
      channel.postMessage({ hello: id });
    }
    await this.#adoptOrphans(locks);
  }

  /** @param {any} data */
  #onMessage(data) {
    const other = data?.hello ?? data?.here;
    if (typeof other !== "string" || other === this.id) return;
    if (data.hello) this.channel?.postMessage({ here: this.id });
    if (this.#watched.has(other) || !this.locks) return;
    this.#watched.add(other);
    void this.#waitForClose(this.locks, other);
  }

  /**
   * Waits until another window is closed, and adopts its entries.
   *
   * @param {Locks} locks
   * @param {string} other
   */
  async #waitForClose(locks, other) {
    await locks.request(TAB_LOCK + other, () => {});
    // Not inside the callback above: while we hold the lock, the other window looks open.
    this.#watched.delete(other);
    await this.#adoptOrphans(locks);
  }

  /** @param {Locks} locks */
  async #adoptOrphans(locks) {
    await locks.request(ADOPTION_LOCK, async () => {
      const { held = [] } = await locks.query();
      const open = new Set(held.map(({ name }) => name));
      const orphans = (await this.store.load()).filter(({ tab }) => tab !== this.id && !open.has(TAB_LOCK + tab));
      const adopted = orphans.map((entry) => ({ ...entry, tab: this.id }));
      await Promise.all(adopted.map((entry) => this.store.put(entry)));
      this.adopt(adopted);
    });
  }
}

// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { TabCoordinator } from "../../static/js/storage/tab_coordinator.js";

/** @typedef {import("../../static/js/storage/outbox_store.js").StoredEntry} StoredEntry */

/** A browser with several windows, which share locks, a channel and a store. */
function browser() {
  /** @type {Map<string, { holder: string, release: () => void }>} */
  const held = new Map();
  /** @type {Map<string, (() => void)[]>} */
  const queues = new Map();
  /** @type {Map<string, StoredEntry>} */
  const stored = new Map();
  /** @type {Set<any>} */
  const channels = new Set();

  /** @param {string} holder */
  const locksOf = (holder) => ({
    /** @param {string} name @param {(lock: any) => any} then */
    async request(name, then) {
      while (held.has(name)) await new Promise((wake) => queues.set(name, [...(queues.get(name) ?? []), () => wake(undefined)]));
      let release = () => {};
      const ended = new Promise((end) => (release = () => end(undefined)));
      held.set(name, { holder, release });
      await Promise.race([Promise.resolve(then({ name })), ended]);
      held.delete(name);
      for (const wake of queues.get(name) ?? []) wake();
      queues.delete(name);
    },
    query: async () => ({ held: [...held.keys()].map((name) => ({ name })) }),
  });

  /** @param {string} id */
  function openTab(id, { locks = true } = {}) {
    /** @type {string[]} */
    const adopted = [];
    /** @type {any} */
    const channel = {
      onmessage: null,
      /** @param {unknown} data */
      postMessage(data) {
        for (const other of channels) if (other !== channel) queueMicrotask(() => other.onmessage?.({ data }));
      },
    };
    channels.add(channel);
    const store = { load: async () => [...stored.values()], put: async (/** @type {StoredEntry} */ entry) => void stored.set(entry.nonce, entry) };
    const tabs = new TabCoordinator(id, { locks: locks ? /** @type {any} */ (locksOf(id)) : undefined, channel }, store, (entries) => adopted.push(...entries.map(({ nonce }) => nonce)));
    return { tabs, adopted, close: () => [...held.values()].filter(({ holder }) => holder === id).forEach(({ release }) => release()) };
  }

  /** @param {string} nonce @param {string} tab */
  const leave = (nonce, tab) => stored.set(nonce, { room: "lobby", nonce, text: "x", writtenAt: 1, state: "waiting", tab });
  return { openTab, leave, owner: (/** @type {string} */ nonce) => stored.get(nonce)?.tab };
}

const settled = () => new Promise((then) => setImmediate(then));

test("what a closed window has left behind is adopted at the start, what an open one writes is not", async () => {
  const { openTab, leave, owner } = browser();
  const one = openTab("one");
  await one.tabs.start();
  leave("a", "one");
  leave("b", "gone");
  const two = openTab("two");
  await two.tabs.start();
  assert.deepEqual(two.adopted, ["b"]);
  assert.equal(owner("b"), "two");
  assert.deepEqual(one.adopted, []);
});

test("when a window is closed, one of the others adopts what it had, and only one", async () => {
  const { openTab, leave } = browser();
  const tabs = ["one", "two", "three"].map((id) => openTab(id));
  for (const { tabs: each } of tabs) await each.start();
  await settled();
  leave("a", "one");
  tabs[0]?.close();
  await settled();
  assert.deepEqual(tabs.flatMap(({ adopted }) => adopted), ["a"]);
});

test("a window that was there first adopts from one that came later, too", async () => {
  const { openTab, leave } = browser();
  const [one, two] = [openTab("one"), openTab("two")];
  await one.tabs.start();
  await two.tabs.start();
  await settled();
  leave("a", "two");
  two.close();
  await settled();
  assert.deepEqual(one.adopted, ["a"]);
});

test("without locks each window takes all that it finds", async () => {
  const { openTab, leave } = browser();
  leave("a", "one");
  const two = openTab("two", { locks: false });
  await two.tabs.start();
  assert.deepEqual(two.adopted, ["a"]);
});

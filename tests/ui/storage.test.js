// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { draftStore } from "../../static/js/storage/drafts.js";
import { loadIdentity } from "../../static/js/storage/identity.js";
import { LocalStore } from "../../static/js/storage/local_store.js";
import { updateRooms, loadRooms, ROOMS_KEY } from "../../static/js/storage/rooms.js";
import { memoryStorage } from "./fakes.js";

/** @type {Storage} */
const DENIED = new Proxy(memoryStorage(), {
  get() {
    throw new DOMException("denied", "SecurityError");
  },
});

for (const [what, storage] of /** @type {[string, Storage | null][]} */ ([["denied", DENIED], ["absent", null]])) {
  test(`where storage is ${what}, the window remembers`, () => {
    const store = new LocalStore(storage);
    draftStore(store).set("lobby", "begun");
    assert.equal(draftStore(store).get("lobby"), "begun");
    draftStore(store).set("lobby", "");
    assert.equal(draftStore(store).get("lobby"), "");
  });
}

test("where storage is full, what was written last is what is read", () => {
  const storage = memoryStorage();
  const store = new LocalStore(storage);
  store.set("key", "old");
  storage.full = true;
  store.set("key", "new");
  assert.equal(store.get("key"), "new");
  storage.full = false;
  store.set("key", "newer");
  assert.equal(new LocalStore(storage).get("key"), "newer");
});

test("who one is survives a reload; name and colour follow another window's choice, the token does not", () => {
  const store = new LocalStore(memoryStorage());
  const [one, other] = [loadIdentity(store), loadIdentity(store)];
  Object.assign(one, { token: "t1", name: "Ada", color: 0 });
  const { token, name, color } = loadIdentity(store);
  assert.deepEqual([token, name, color], ["t1", "Ada", 0]);
  other.reload();
  assert.deepEqual([other.token, other.name, other.color], [undefined, "Ada", 0]);
});

test("a colour that is none is not taken", () => {
  const store = new LocalStore(memoryStorage());
  for (const stored of ["360", "-1", "x", "1.5"]) {
    store.set("chorus.color", stored);
    assert.equal(loadIdentity(store).color, undefined, stored);
  }
});

test("windows change the rooms on top of each other", () => {
  const storage = memoryStorage();
  const [one, other] = [new LocalStore(storage), new LocalStore(storage)];
  updateRooms(one, (rooms) => rooms.set("a", { epoch: "e", seq: 3 }));
  updateRooms(other, (rooms) => rooms.set("b", null));
  updateRooms(one, (rooms) => rooms.delete("a"));
  assert.deepEqual([...loadRooms(other)], [["b", null]]);
});

test("rooms that storage holds in ruins are left alone", () => {
  const store = new LocalStore(memoryStorage());
  for (const stored of ["{", "1", "null", '{"a b":null}']) {
    store.set(ROOMS_KEY, stored);
    assert.equal(loadRooms(store).size, 0, stored);
  }
  store.set(ROOMS_KEY, '{"a":{"epoch":1,"seq":-1},"b":{"epoch":"e","seq":2,"more":1}}');
  assert.deepEqual([...loadRooms(store)], [["a", null], ["b", { epoch: "e", seq: 2 }]]);
});

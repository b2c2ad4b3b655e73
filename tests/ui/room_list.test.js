// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { RoomList } from "../../static/js/app/room_list.js";
import { Emitter } from "../../static/js/protocol/emitter.js";
import { LocalStore } from "../../static/js/storage/local_store.js";
import { loadRooms } from "../../static/js/storage/rooms.js";
import { manualClock, fakeConnection, memoryStorage, messagesAt } from "./fakes.js";

const SESSION = { session: "s", token: "t", user: { id: "me", name: "Me" }, node: "n", epoch: "e" };

/** The rooms of a first-time visitor, online. @param {string} first */
function open(first) {
  const connection = fakeConnection();
  const store = new LocalStore(memoryStorage());
  const viewport = { watched: false, isAtEndOf: () => true };
  const list = new RoomList({ connection, store, clock: manualClock(), viewport, events: new Emitter(), me: () => SESSION.user }, first);
  list.online(SESSION);
  return { list, connection, rooms: () => [...list.joined.keys()], stored: () => [...loadRooms(store).keys()] };
}

test("who comes for the first time is in the lobby and in the room that was named", () => {
  const { rooms, stored } = open("den");
  assert.deepEqual(rooms(), ["lobby", "den"]);
  assert.deepEqual(stored(), ["lobby", "den"]);
});

test("who leaves a room is shown another", () => {
  const { list, connection, rooms, stored } = open("den");
  list.leave("den");
  assert.equal(list.active.name, "lobby");
  assert.deepEqual(connection.pending("leave"), [{ room: "den" }]);
  assert.deepEqual([rooms(), stored()], [["lobby"], ["lobby"]]);
});

test("who leaves the last room is in the lobby", () => {
  const { list, rooms } = open("den");
  list.leave("lobby");
  assert.ok(list.canLeave);
  list.leave("den");
  assert.equal(list.active.name, "lobby");
  assert.deepEqual(rooms(), ["lobby"]);
});

test("the lobby alone is not left: what is said there is still shown", () => {
  const { list, connection, rooms, stored } = open("lobby");
  assert.ok(!list.canLeave);
  list.leave("lobby");
  assert.deepEqual([rooms(), stored(), connection.pending("leave")], [["lobby"], ["lobby"], []]);
  connection.respond("join", { ok: { head: 1, epoch: "e", recovered: true } });
  list.receive(messagesAt([1]));
  assert.equal(list.active.room.state, "live");
  assert.equal(list.active.timeline.texts.length, 1);
});

// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { RoomList } from "../../static/js/app/room_list.js";
import { LocalStore } from "../../static/js/storage/local_store.js";
import { loadRooms } from "../../static/js/storage/rooms.js";
import { manualClock, fakeConnection, memoryStorage, messagesAt } from "./fakes.js";

const SESSION = { session: "s", token: "t", user: { id: "me", name: "Me" }, node: "n", epoch: "e" };

/** The rooms of someone who comes for the first time, online. @param {string} first */
function open(first) {
  const connection = fakeConnection();
  const store = new LocalStore(memoryStorage());
  const ports = {
    me: () => SESSION.user,
    reads: () => false,
    follows: () => true,
    shown: () => {},
    replaced: () => {},
    changed: () => {},
  };
  const book = new RoomList(connection, store, ports, manualClock(), first);
  book.online(SESSION);
  return { book, connection, rooms: () => [...book.joined.keys()], kept: () => [...loadRooms(store).keys()] };
}

test("who comes for the first time is in the lobby and in the room that was named", () => {
  const { rooms, kept } = open("den");
  assert.deepEqual(rooms(), ["lobby", "den"]);
  assert.deepEqual(kept(), ["lobby", "den"]);
});

test("who leaves a room is shown another", () => {
  const { book, connection, rooms, kept } = open("den");
  book.leave("den", true);
  assert.equal(book.active.name, "lobby");
  assert.deepEqual(connection.asked("leave"), [{ room: "den" }]);
  assert.deepEqual([rooms(), kept()], [["lobby"], ["lobby"]]);
});

test("who leaves the last room is in the lobby", () => {
  const { book, rooms } = open("den");
  book.leave("lobby", true);
  assert.ok(book.canLeave);
  book.leave("den", true);
  assert.equal(book.active.name, "lobby");
  assert.deepEqual(rooms(), ["lobby"]);
});

test("the lobby alone is not left: what is said there is still shown", () => {
  const { book, connection, rooms, kept } = open("lobby");
  assert.ok(!book.canLeave);
  book.leave("lobby", true);
  assert.deepEqual([rooms(), kept(), connection.asked("leave")], [["lobby"], ["lobby"], []]);
  connection.answer("join", { ok: { head: 1, epoch: "e", recovered: true } });
  book.take(messagesAt([1]));
  assert.equal(book.active.room.state, "live");
  assert.equal(book.active.timeline.texts.length, 1);
});

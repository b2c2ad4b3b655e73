// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../static/js/protocol/backoff.js";
import { Room } from "../../static/js/protocol/room.js";
import { manualClock, messagesAt } from "./fakes.js";

/** A room, what it did, and the means to respond. */
function open() {
  const clock = manualClock();
  /** @type {string[]} */
  const did = [];
  /** @type {((response: any) => void)[]} */
  const responses = [];
  const room = new Room(
    "lobby",
    {
      join({ after, history }, onResponse) {
        did.push(after ? `join after ${after.epoch}/${after.seq}` : `join with ${history}`);
        responses.push(onResponse);
      },
      historyLimit: () => 200,
      show: (messages) => did.push(`show ${messages.map(({ seq }) => seq).join(",")}`),
      joined: (outcome) => did.push(outcome),
      refused: ({ code }) => did.push(`refused ${code}`),
      changed: () => {},
    },
    clock,
    new Backoff({ firstMs: 1_000, maxMs: 8_000, random: () => 1 }),
  );
  return {
    clock,
    room,
    /** @param {any} response */
    respond: (response) => responses.shift()?.(response),
    /** @param {number[]} seqs */
    receive: (...seqs) => room.receive(messagesAt(seqs)),
    /** What it did since the last call. */
    done: () => did.splice(0),
  };
}

const joined = (head = 0, epoch = "e1", recovered = true) => ({ ok: { head, epoch, recovered } });

test("a room is joined with history the first time, and at its place after that", () => {
  const { room, respond, receive, done } = open();
  room.online(null);
  respond(joined(2));
  assert.equal(room.state, "behind");
  receive(1, 2);
  assert.equal(room.state, "live");
  room.offline();
  assert.equal(room.state, "away");
  room.online(null);
  assert.deepEqual(done(), ["join with 200", "fresh", "show 1,2", "join after e1/2"]);
});

test("what the node has joined by itself is not joined again", () => {
  const { room, receive, done } = open();
  room.online({ head: 1, epoch: "e1", recovered: true });
  receive(1);
  assert.deepEqual(done(), ["fresh", "show 1"]);
});

test("a hole is closed by joining again where it begins, once", () => {
  const { clock, room, respond, receive, done } = open();
  room.online(joined().ok);
  receive(1);
  receive(3);
  receive(4);
  clock.advance(1_000);
  receive(5);
  clock.advance(1_000);
  assert.deepEqual(done(), ["fresh", "show 1", "join after e1/1"]);
  respond(joined(5));
  receive(2, 3, 4, 5);
  assert.equal(room.state, "live");
  assert.deepEqual(done(), ["resumed", "show 2,3,4,5"]);
});

test("a hole that stays is asked for ever less often", () => {
  const { clock, room, respond, receive, done } = open();
  room.online(joined().ok);
  done();
  for (const waitMs of [1_000, 2_000, 4_000, 8_000, 8_000]) {
    receive(9);
    clock.advance(waitMs - 1);
    assert.deepEqual(done(), []);
    clock.advance(1);
    assert.deepEqual(done(), ["join after e1/0"]);
    respond(joined(9));
    done();
  }
});

test("a catch-up that brings nothing is asked for again", () => {
  const { clock, room, respond, receive, done } = open();
  room.online({ head: 4, epoch: "e1", recovered: true });
  receive(1, 2);
  done();
  clock.advance(9_999);
  receive(3);
  clock.advance(9_999);
  assert.deepEqual(done(), ["show 3"]);
  clock.advance(1 + 1_000);
  assert.deepEqual(done(), ["join after e1/3"]);
  respond(joined(4));
  receive(4);
  assert.equal(clock.pendingTimers(), 0);
});

test("an incomplete recovery says so and goes on", () => {
  const { room, receive, done } = open();
  room.online(joined().ok);
  receive(1);
  room.offline();
  room.online({ head: 9, epoch: "e1", recovered: false });
  receive(8, 9);
  assert.deepEqual(done(), ["fresh", "show 1", "incomplete", "show 8,9"]);
});

test("another log says so and starts over", () => {
  const { room, receive, done } = open();
  room.online(joined().ok);
  receive(1, 2);
  room.offline();
  room.online({ head: 1, epoch: "e2", recovered: false });
  receive(1);
  assert.deepEqual(done(), ["fresh", "show 1,2", "replaced", "show 1"]);
});

test("a passing refusal is tried again after its time, another is told", () => {
  const { clock, room, respond, done } = open();
  room.online(null);
  respond({ error: { code: "busy", retryAfterMs: 400 } });
  assert.equal(room.state, "behind");
  clock.advance(500);
  respond({ error: { code: "forbidden" } });
  assert.equal(room.state, "refused");
  assert.equal(clock.pendingTimers(), 0);
  assert.deepEqual(done(), ["join with 200", "join with 200", "refused forbidden"]);
});

test("an answer of an earlier connection is not heard", () => {
  const { room, respond, done } = open();
  room.online(null);
  room.offline();
  respond(joined(3));
  assert.equal(room.state, "away");
  assert.deepEqual(done(), ["join with 200"]);
});

test("what an earlier stay left on its way does not hide history", () => {
  const { room, respond, receive, done } = open();
  room.online(null);
  receive(9);
  respond(joined(9));
  receive(7, 8, 9);
  assert.deepEqual(done(), ["join with 200", "fresh", "show 7,8,9"]);
});

test("nothing is taken and nothing waits once the room was left", () => {
  const { clock, room, receive, done } = open();
  room.online({ head: 4, epoch: "e1", recovered: true });
  room.offline();
  receive(1);
  assert.equal(clock.pendingTimers(), 0);
  assert.deepEqual(done(), ["fresh"]);
});

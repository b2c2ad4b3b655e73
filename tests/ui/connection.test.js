// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../static/js/protocol/backoff.js";
import { Connection } from "../../static/js/protocol/connection.js";
import { manualClock } from "./fakes.js";

const SESSION = { session: "s", token: "t1", user: { id: "u1", name: "Ada" }, node: "n", epoch: "e", rooms: {} };

/** @param {Partial<import("../../static/js/protocol/connection.js").Identity>} [known] */
function open(known = {}) {
  const clock = manualClock();
  /** @type {string[]} */
  const did = [];
  /** @type {Record<string, (...args: any[]) => void>} */
  const handlers = {};
  /** @type {((error: unknown) => void)[]} */
  const answers = [];
  /** @type {any} */
  let options;
  /** @type {any} */
  const socket = {
    active: false,
    /** @param {string} event @param {(...args: any[]) => void} handler */
    on: (event, handler) => (handlers[event] = handler),
    connect: () => did.push("connect"),
    disconnect: () => did.push("disconnect"),
    timeout: () => ({
      emit(/** @type {string} */ event, /** @type {object} */ _, /** @type {(error: unknown) => void} */ answered) {
        did.push(`emit ${event}`);
        answers.push(answered);
      },
    }),
    io: { engine: { close: () => did.push("close") } },
  };
  /** @type {import("../../static/js/protocol/connection.js").Identity} */
  const identity = { token: undefined, name: undefined, color: undefined, ...known };
  const connection = new Connection(
    (namespace, given) => {
      did.push(namespace);
      options = given;
      return socket;
    },
    identity,
    {
      rooms: () => ({ lobby: { epoch: "e", seq: 3 } }),
      online: () => did.push("online"),
      offline: (trouble) => did.push(`offline ${trouble}`.trim()),
      messages: (messages, live) => did.push(`messages ${messages.length}${live ? " live" : ""}`),
      notice: () => did.push("notice"),
      presence: () => did.push("presence"),
      typing: () => did.push("typing"),
    },
    clock,
    {
      lost: new Backoff({ firstMs: 500, maxMs: 2_000, random: () => 1 }),
      refused: new Backoff({ firstMs: 1_000, maxMs: 30_000, random: () => 1 }),
    },
  );
  connection.open();
  did.length = 0;
  return {
    answers,
    clock,
    connection,
    identity,
    socket,
    done: () => did.splice(0),
    /** @param {string} event @param {...any} args */
    hear: (event, ...args) => handlers[event]?.(...args),
    auth: () => {
      let auth;
      options.auth((/** @type {object} */ given) => (auth = given));
      return auth;
    },
  };
}

test("each connect says who we are and where we were", () => {
  const { auth, hear, identity } = open();
  assert.deepEqual(auth(), { rooms: { lobby: { epoch: "e", seq: 3 } } });
  hear("session", SESSION);
  identity.name = "Ada";
  identity.color = 0;
  assert.deepEqual(auth(), { token: "t1", name: "Ada", color: 0, rooms: { lobby: { epoch: "e", seq: 3 } } });
});

test("a refused token is dropped and the connection made without it, at once", () => {
  const { auth, hear, done } = open({ token: "old", name: "Ada" });
  hear("connect_error", new Error("bad_token: it has expired"));
  assert.deepEqual(done(), ["connect"]);
  assert.deepEqual(auth(), { name: "Ada", rooms: { lobby: { epoch: "e", seq: 3 } } });
  hear("connect_error", new Error("bad_token: it is missing"));
  assert.deepEqual(done(), ["offline bad_token: it is missing"], "without a token, dropping it helps no more");
});

test("a node that refuses is asked again by hand, ever less often", () => {
  const { clock, hear, done } = open();
  for (const waitMs of [1_000, 2_000, 4_000]) {
    hear("connect_error", new Error("full: too many connections"));
    clock.advance(waitMs - 1);
    assert.deepEqual(done(), ["offline full: too many connections"]);
    clock.advance(1);
    assert.deepEqual(done(), ["connect"]);
  }
});

test("a refusal that says when is asked again then", () => {
  const { clock, hear, done } = open();
  hear("connect_error", Object.assign(new Error("full"), { data: { retryAfterMs: 4_000 } }));
  clock.advance(5_000);
  assert.deepEqual(done(), ["offline full", "connect"]);
});

test("after a lost connection the next one is tried soon, then ever less often", () => {
  const { clock, connection, socket, hear, done } = open();
  socket.active = true;
  hear("session", SESSION);
  hear("disconnect", "transport close");
  assert.deepEqual(done(), ["online", "offline"]);
  for (const waitMs of [500, 1_000, 2_000, 2_000]) {
    assert.equal(connection.retryAt, clock.now() + waitMs);
    clock.advance(waitMs);
    assert.deepEqual(done(), ["connect"]);
    assert.equal(connection.retryAt, null);
    hear("connect_error", new Error("websocket error"));
    assert.deepEqual(done(), ["offline"]);
  }
});

test("the next attempt can be made at once, and is then made once", () => {
  const { clock, connection, socket, hear, done } = open();
  connection.hasten();
  socket.active = true;
  hear("connect_error", new Error("websocket error"));
  connection.hasten();
  assert.deepEqual(done(), ["offline", "connect"]);
  assert.equal(clock.pendingTimers(), 0);
});

test("what we closed ourselves is not tried again by itself", () => {
  const { clock, connection, hear, done } = open();
  hear("session", SESSION);
  connection.reopen();
  hear("disconnect", "io client disconnect");
  assert.equal(clock.pendingTimers(), 0);
  assert.deepEqual(done(), ["online", "disconnect", "connect", "offline"]);
});

test("a connection in doubt that does not answer is cut, one that answers is kept", () => {
  const { answers, connection, hear, done } = open();
  hear("session", SESSION);
  connection.doubt();
  answers.shift()?.(null);
  connection.doubt();
  answers.shift()?.(new Error("timeout"));
  assert.deepEqual(done(), ["online", "emit rooms", "emit rooms", "close"]);
});

test("a doubt about an earlier connection does not cut the next", () => {
  const { answers, clock, connection, hear, done } = open();
  hear("session", SESSION);
  connection.doubt();
  hear("disconnect", "transport close");
  clock.advance(500);
  hear("session", SESSION);
  done();
  answers.shift()?.(new Error("timeout"));
  assert.deepEqual(done(), []);
});

test("a dismissal is followed by a slow return, sooner after a steady connection", () => {
  const { clock, hear, done } = open();
  for (const waitMs of [1_000, 2_000]) {
    hear("session", SESSION);
    hear("disconnect", "io server disconnect");
    clock.advance(waitMs);
    assert.deepEqual(done(), ["online", "offline", "connect"]);
  }
  hear("session", SESSION);
  clock.advance(30_000);
  hear("disconnect", "io server disconnect");
  clock.advance(1_000);
  assert.deepEqual(done(), ["online", "offline", "connect"]);
});

test("nothing is asked without a session, so that nothing is sent out of turn at the next", () => {
  const { connection, hear, done } = open();
  /** @type {unknown[]} */
  const answers = [];
  const ask = () => connection.ask("post", {}, (answer) => answers.push(answer));
  ask();
  hear("session", SESSION);
  ask();
  hear("disconnect", "transport close");
  ask();
  assert.deepEqual(answers, [null, null]);
  assert.deepEqual(done(), ["online", "emit post", "offline"]);
});

test("a page is acked once it was taken", () => {
  const { hear, done } = open();
  hear("messages", [{}, {}], () => assert.deepEqual(done(), ["messages 2"]));
  hear("messages", [{}]);
  hear("message", {});
  assert.deepEqual(done(), ["messages 1", "messages 1 live"]);
});

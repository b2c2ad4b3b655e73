// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../static/js/protocol/backoff.js";
import { Connection } from "../../static/js/protocol/connection.js";
import { Emitter } from "../../static/js/protocol/emitter.js";
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
  const responses = [];
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
      emit(/** @type {string} */ event, /** @type {object} */ _, /** @type {(error: unknown) => void} */ onResponse) {
        did.push(`emit ${event}`);
        responses.push(onResponse);
      },
    }),
    io: { engine: { close: () => did.push("close") } },
  };
  /** @type {import("../../static/js/protocol/connection.js").Identity} */
  const identity = { token: undefined, name: undefined, color: undefined, ...known };
  const events = /** @type {Emitter<import("../../static/js/protocol/connection.js").ConnectionEvents>} */ (new Emitter());
  events.on({
    online: () => did.push("online"),
    offline: (reason) => did.push(`offline ${reason}`.trim()),
    messages: (messages, live) => did.push(`messages ${messages.length}${live ? " live" : ""}`),
    notice: () => did.push("notice"),
    presence: () => did.push("presence"),
    typing: () => did.push("typing"),
  });
  const connection = new Connection(
    (namespace, given) => {
      did.push(namespace);
      options = given;
      return socket;
    },
    identity,
    events,
    clock,
    {
      lost: new Backoff({ firstMs: 500, maxMs: 2_000, random: () => 1 }),
      refused: new Backoff({ firstMs: 1_000, maxMs: 30_000, random: () => 1 }),
    },
  );
  connection.open(() => ({ lobby: { epoch: "e", seq: 3 } }));
  did.length = 0;
  return {
    responses,
    clock,
    connection,
    identity,
    socket,
    done: () => did.splice(0),
    /** @param {string} event @param {...any} args */
    receive: (event, ...args) => handlers[event]?.(...args),
    auth: () => {
      let auth;
      options.auth((/** @type {object} */ given) => (auth = given));
      return auth;
    },
  };
}

test("each connect says who we are and where we were", () => {
  const { auth, receive, identity } = open();
  assert.deepEqual(auth(), { rooms: { lobby: { epoch: "e", seq: 3 } } });
  receive("session", SESSION);
  identity.name = "Ada";
  identity.color = 0;
  assert.deepEqual(auth(), { token: "t1", name: "Ada", color: 0, rooms: { lobby: { epoch: "e", seq: 3 } } });
});

test("a refused token is dropped and the connection made without it, at once", () => {
  const { auth, receive, done } = open({ token: "old", name: "Ada" });
  receive("connect_error", new Error("bad_token: it has expired"));
  assert.deepEqual(done(), ["connect"]);
  assert.deepEqual(auth(), { name: "Ada", rooms: { lobby: { epoch: "e", seq: 3 } } });
  receive("connect_error", new Error("bad_token: it is missing"));
  assert.deepEqual(done(), ["offline bad_token: it is missing"], "without a token, dropping it helps no more");
});

test("a node that refuses is asked again by hand, ever less often", () => {
  const { clock, receive, done } = open();
  for (const waitMs of [1_000, 2_000, 4_000]) {
    receive("connect_error", new Error("full: too many connections"));
    clock.advance(waitMs - 1);
    assert.deepEqual(done(), ["offline full: too many connections"]);
    clock.advance(1);
    assert.deepEqual(done(), ["connect"]);
  }
});

test("a refusal that says when is asked again then", () => {
  const { clock, receive, done } = open();
  receive("connect_error", Object.assign(new Error("full"), { data: { retryAfterMs: 4_000 } }));
  clock.advance(5_000);
  assert.deepEqual(done(), ["offline full", "connect"]);
});

test("after a lost connection the next one is tried soon, then ever less often", () => {
  const { clock, connection, socket, receive, done } = open();
  socket.active = true;
  receive("session", SESSION);
  receive("disconnect", "transport close");
  assert.deepEqual(done(), ["online", "offline"]);
  for (const waitMs of [500, 1_000, 2_000, 2_000]) {
    assert.equal(connection.retryAt, clock.now() + waitMs);
    clock.advance(waitMs);
    assert.deepEqual(done(), ["connect"]);
    assert.equal(connection.retryAt, null);
    receive("connect_error", new Error("websocket error"));
    assert.deepEqual(done(), ["offline"]);
  }
});

test("the next attempt can be made at once, and is then made once", () => {
  const { clock, connection, socket, receive, done } = open();
  connection.retryNow();
  socket.active = true;
  receive("connect_error", new Error("websocket error"));
  connection.retryNow();
  assert.deepEqual(done(), ["offline", "connect"]);
  assert.equal(clock.pendingTimers(), 0);
});

test("what we closed ourselves is not tried again by itself", () => {
  const { clock, connection, receive, done } = open();
  receive("session", SESSION);
  connection.reconnect();
  receive("disconnect", "io client disconnect");
  assert.equal(clock.pendingTimers(), 0);
  assert.deepEqual(done(), ["online", "disconnect", "connect", "offline"]);
});

test("a connection in doubt that does not answer is cut, one that answers is kept", () => {
  const { responses, connection, receive, done } = open();
  receive("session", SESSION);
  connection.probe();
  responses.shift()?.(null);
  connection.probe();
  responses.shift()?.(new Error("timeout"));
  assert.deepEqual(done(), ["online", "emit rooms", "emit rooms", "close"]);
});

test("a doubt about an earlier connection does not cut the next", () => {
  const { responses, clock, connection, receive, done } = open();
  receive("session", SESSION);
  connection.probe();
  receive("disconnect", "transport close");
  clock.advance(500);
  receive("session", SESSION);
  done();
  responses.shift()?.(new Error("timeout"));
  assert.deepEqual(done(), []);
});

test("a dismissal is followed by a slow return, sooner after a steady connection", () => {
  const { clock, receive, done } = open();
  for (const waitMs of [1_000, 2_000]) {
    receive("session", SESSION);
    receive("disconnect", "io server disconnect");
    clock.advance(waitMs);
    assert.deepEqual(done(), ["online", "offline", "connect"]);
  }
  receive("session", SESSION);
  clock.advance(30_000);
  receive("disconnect", "io server disconnect");
  clock.advance(1_000);
  assert.deepEqual(done(), ["online", "offline", "connect"]);
});

test("nothing is asked without a session, so that nothing is sent out of turn at the next", () => {
  const { connection, receive, done } = open();
  /** @type {unknown[]} */
  const responses = [];
  const post = () => connection.request("post", {}, (response) => responses.push(response));
  post();
  receive("session", SESSION);
  post();
  receive("disconnect", "transport close");
  post();
  assert.deepEqual(responses, [null, null]);
  assert.deepEqual(done(), ["online", "emit post", "offline"]);
});

test("a page is acked once it was taken", () => {
  const { receive, done } = open();
  receive("messages", [{}, {}], () => assert.deepEqual(done(), ["messages 2"]));
  receive("messages", [{}]);
  receive("message", {});
  assert.deepEqual(done(), ["messages 1", "messages 1 live"]);
});

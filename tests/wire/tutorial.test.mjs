// @ts-check
/** Namespace `/` with the official client library, used as in the Socket.IO tutorial. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, fill, next, numbers, pause, startNodes, until } from "./harness.mjs";

/**
 * The tutorial's client, with a record of what it received.
 *
 * @param {import("./harness.mjs").Scope} t
 * @param {string} base
 * @param {object} [options]
 */
function tutorial(t, base, options) {
  let counter = 0;
  const socket = connect(t, base, { auth: { serverOffset: 0 }, ackTimeout: 10_000, retries: 3, ...options });
  /** @type {any[][]} */
  const shown = [];
  /** @type {any[]} */
  const notices = [];
  socket.on("chat message", (...args) => {
    shown.push(args);
    if (socket.auth) /** @type {any} */ (socket.auth).serverOffset = args[1];
  });
  socket.on("notice", (notice) => notices.push(notice));
  /** Sends like the tutorial's page; resolves to the ack's arguments. @param {string} value @returns {Promise<any[]>} */
  const say = (value, clientOffset = `${socket.id}-${counter++}`) =>
    new Promise((acked) => socket.emit("chat message", value, clientOffset, (/** @type {any[]} */ ...args) => acked(args)));
  return { socket, shown, notices, say, texts: () => shown.map(([text]) => text) };
}

/** Sends a marker and waits until all clients have it, and so everything before it. @param {ReturnType<typeof tutorial>[]} clients */
async function settled(...clients) {
  const mark = `settled ${Math.random()}`;
  await clients[0]?.say(mark);
  for (const { shown, texts } of clients) {
    await until("all clients are at the head", () => texts().includes(mark));
    shown.splice(texts().indexOf(mark), 1);
  }
}

test("messages in a row are acked without arguments and shown once, in order, on both nodes", async (t) => {
  const [one, two] = await startNodes(t, { nodes: 2 });
  assert.ok(one && two);
  const [ada, bob] = [tutorial(t, one), tutorial(t, two)];
  await Promise.all([next(ada.socket, "connect"), next(bob.socket, "connect")]);
  /** @type {string[]} */
  const packets = [];
  ada.socket.io.engine.on("packet", ({ data }) => packets.push(String(data)));

  const wanted = numbers(20).map((n) => `hello ${n}`);
  const acks = await Promise.all(wanted.map((text) => ada.say(text)));
  // With `retries`, the client library passes an error first (null); the node's ack has no arguments.
  assert.deepEqual(acks, wanted.map(() => [null]));
  assert.deepEqual(packets.filter((packet) => /^3\d/.test(packet)), numbers(20, 0).map((id) => `3${id}[]`));

  await settled(bob, ada);
  for (const { shown } of [ada, bob]) assert.deepEqual(shown, wanted.map((text, at) => [text, at + 1]));
});

test("a clientOffset that is sent again is acked and not shown", async (t) => {
  const [one, two] = await startNodes(t, { nodes: 2 });
  assert.ok(one && two);
  const [ada, bob] = [tutorial(t, one), tutorial(t, two)];
  assert.deepEqual(await ada.say("once", "offset-1"), [null]);
  assert.deepEqual(await ada.say("once", "offset-1"), [null]);
  assert.deepEqual(await bob.say("once", "offset-1"), [null], "on another node, too");
  await settled(ada, bob);
  for (const { shown } of [ada, bob]) assert.deepEqual(shown, [["once", 1]]);
});

test("a client that comes back with its serverOffset gets exactly what it missed, from either node", async (t) => {
  const [one, two] = await startNodes(t, { nodes: 2 });
  assert.ok(one && two);
  const [ada, bob] = [tutorial(t, one), tutorial(t, two)];
  for (const n of numbers(3)) await ada.say(`before ${n}`);
  await until("Bob has them", () => bob.shown.length === 3);

  bob.socket.disconnect();
  for (const n of numbers(5)) await ada.say(`missed ${n}`);
  const missed = numbers(5).map((n) => [`missed ${n}`, 3 + n]);
  const elsewhere = tutorial(t, one, { auth: { serverOffset: 3 } });
  bob.socket.connect();
  await until("both have them", () => bob.shown.length === 8 && elsewhere.shown.length === 5);
  await settled(ada, bob, elsewhere);
  assert.deepEqual(bob.shown.slice(3), missed);
  assert.deepEqual(elsewhere.shown, missed);
  assert.deepEqual(bob.notices, []);
});

test("a connection that breaks comes back by itself and misses nothing", async (t) => {
  const [one] = await startNodes(t);
  assert.ok(one);
  const [ada, bob] = [tutorial(t, one), tutorial(t, one)];
  await next(bob.socket, "connect");
  await ada.say("before");
  await until("Bob has it", () => bob.shown.length === 1);
  bob.socket.io.engine.close();
  for (const n of numbers(3)) await ada.say(`while away ${n}`);
  const lost = bob.say("said while away");
  assert.deepEqual(await lost, [null]);
  await settled(ada, bob);
  assert.deepEqual(bob.shown, ada.shown);
  assert.equal(bob.shown.length, 5);
});

test("two clients that send before they are connected are both heard", async (t) => {
  const [one, two] = await startNodes(t, { nodes: 2 });
  assert.ok(one && two);
  const [ada, bob] = [one, two].map((base) => tutorial(t, base, { autoConnect: false }));
  assert.ok(ada && bob);
  // Neither has an id yet, so both offsets are `undefined-0`.
  const acks = [ada.say("from Ada"), bob.say("from Bob")];
  ada.socket.connect();
  bob.socket.connect();
  assert.deepEqual(await Promise.all(acks), [[null], [null]]);
  await settled(ada, bob);
  assert.deepEqual(ada.texts().sort(), ["from Ada", "from Bob"]);
  assert.deepEqual(bob.shown.map(([, seq]) => seq), ada.shown.map(([, seq]) => seq));
});

test("a serverOffset says where to begin", async (t) => {
  const [base] = await startNodes(t);
  assert.ok(base);
  await fill(t, base, "lobby", 250);

  const newest = numbers(200, 51);
  const cases = /** @type {[string, object | undefined, number[], string[]][]} */ ([
    ["nothing: the newest 200", undefined, newest, []],
    ["no serverOffset: the newest 200", {}, newest, []],
    ["null: the newest 200", { serverOffset: null }, newest, []],
    ["0: everything", { serverOffset: 0 }, numbers(250), []],
    ["the digit 0: everything", { serverOffset: "0" }, numbers(250), []],
    ["a place: all after it", { serverOffset: 240 }, numbers(10, 241), []],
    ["the digits of a place: all after it", { serverOffset: "240" }, numbers(10, 241), []],
    ["the head: nothing", { serverOffset: 250 }, [], []],
    ["beyond the head: as if absent, and a notice", { serverOffset: 251 }, newest, ["incomplete_recovery"]],
    ["far beyond: the same", { serverOffset: "99999999999999999999" }, newest, ["incomplete_recovery"]],
    ["negative: as if absent", { serverOffset: -1 }, newest, []],
    ["a word: as if absent", { serverOffset: "240a" }, newest, []],
    ["an object: as if absent", { serverOffset: { a: 1 } }, newest, []],
    ["a fraction: as if absent", { serverOffset: 240.5 }, newest, []],
  ]);
  for (const [what, auth, seqs, codes] of cases) {
    await t.test(what, async (t) => {
      const { socket, shown, notices } = tutorial(t, base, { auth, transports: ["websocket"] });
      await until("it has them", () => seqs.length <= shown.length && codes.length <= notices.length);
      await pause(100);
      assert.deepEqual(shown, seqs.map((seq) => [`message ${seq}`, seq]));
      assert.deepEqual(notices.map(({ code, room }) => [code, room]), codes.map((code) => [code, "lobby"]));
      socket.disconnect();
    });
  }
});

test("content that is not a text is acked with an error and not stored", async (t) => {
  const [base] = await startNodes(t);
  assert.ok(base);
  const ada = tutorial(t, base, { retries: undefined, ackTimeout: undefined });
  for (const [what, args] of /** @type {[string, unknown[]][]} */ ([
    ["a number", [7, "o-1"]],
    ["an object", [{ a: 1 }, "o-2"]],
    ["nothing", [null, "o-3"]],
    ["no arguments", []],
    ["an empty text", ["", "o-4"]],
    ["a control character", ["\u0000", "o-5"]],
    ["too long", ["x".repeat(8_193), "o-6"]],
    ["binary", [Buffer.from("abc"), "o-7"]],
  ])) {
    const [error, ...more] = await new Promise((acked) =>
      ada.socket.timeout(5_000).emit("chat message", ...args, (/** @type {any} */ late, /** @type {any[]} */ ...answer) =>
        acked(late ? [String(late)] : answer)));
    assert.equal(error?.error?.code, "bad_text", `${what}: ${JSON.stringify(error)}`);
    assert.equal(typeof error.error.detail, "string");
    assert.deepEqual(more, []);
  }
  const [long] = await new Promise((acked) =>
    ada.socket.emit("chat message", "hello", "o".repeat(129), (/** @type {any[]} */ ...answer) => acked(answer)));
  assert.equal(long.error.code, "bad_nonce");
  // Without an offset or an ack, each message is stored; malformed events are ignored.
  ada.socket.emit("chat message", "plain");
  ada.socket.emit("chat message", "plain");
  ada.socket.emit("chat message");
  ada.socket.emit("something else", "plain", "o-9");
  await until("they are shown", () => ada.shown.length === 2);
  await settled(ada);
  assert.deepEqual(ada.shown, [["plain", 1], ["plain", 2]]);
});

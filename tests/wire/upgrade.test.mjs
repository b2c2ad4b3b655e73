// @ts-check
/**
 * Clients of each transport catch up on many messages, with the default buffer size: a buffer that is full
 * during the upgrade from polling to websocket must not end the session.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, fill, next, numbers, startNodes, until } from "./harness.mjs";

const MISSED = 5_000;
const SEQS = numbers(MISSED);
/** @type {[string, number, object, string][]} Name, number of clients, options, final transport. */
const CLIENTS = [
  ["default-transport", 18, {}, "websocket"],
  ["polling", 6, { transports: ["polling"] }, "polling"],
  ["websocket", 6, { transports: ["websocket"] }, "websocket"],
];

/**
 * @param {import("socket.io-client").Socket[]} sockets
 * @param {number[][]} shown By client.
 * @param {string} transport
 */
async function assertAllHaveAll(sockets, shown, transport) {
  let disconnects = 0;
  for (const socket of sockets) socket.on("disconnect", () => (disconnects += 1));
  const count = () => shown.map(({ length }) => length);
  await until("all have all", () => count().every((length) => MISSED <= length), 60_000)
    .catch(() => assert.fail(`they have ${count()}, after ${disconnects} disconnects`));
  for (const seqs of shown) assert.deepEqual(seqs, SEQS);
  await until("all are where they upgrade to", () => sockets.every((socket) => socket.io.engine.transport.name === transport));
  assert.equal(disconnects, 0);
}

for (const [name, count, options, transport] of CLIENTS) {
  test(`${count} of ${count} ${name} clients of / get all of ${MISSED} missed messages`, async (t) => {
    const [base] = await startNodes(t);
    assert.ok(base);
    await fill(t, base, "lobby", MISSED);
    const sockets = Array.from({ length: count }, () => connect(t, base, { auth: { serverOffset: 0 }, ...options }));
    const shown = sockets.map((socket) => {
      /** @type {number[]} */
      const seqs = [];
      socket.on("chat message", (_text, seq) => seqs.push(seq));
      return seqs;
    });
    await assertAllHaveAll(sockets, shown, transport);
  });

  test(`${count} of ${count} ${name} clients of /chat get all of ${MISSED} missed messages, in pages`, async (t) => {
    const [base] = await startNodes(t);
    assert.ok(base);
    await fill(t, base, "big", MISSED);
    const auth = { rooms: { big: { epoch: await epochOf(t, base), seq: 0 } } };
    const sockets = Array.from({ length: count }, () => connect(t, `${base}/chat`, { auth, ...options }));
    const shown = sockets.map((socket) => {
      /** @type {number[]} */
      const seqs = [];
      socket.on("messages", (page, ack) => {
        for (const { seq } of page) seqs.push(seq);
        ack();
      });
      socket.on("message", ({ seq }) => seqs.push(seq));
      return seqs;
    });
    await assertAllHaveAll(sockets, shown, transport);
  });
}

test("messages that come while clients upgrade are neither lost nor repeated", async (t) => {
  const [base] = await startNodes(t);
  assert.ok(base);
  const sender = connect(t, `${base}/chat`, { transports: ["websocket"] });
  await next(sender, "session");
  /** @type {number[][]} */
  const shown = [];
  /** @type {import("socket.io-client").Socket[]} */
  const sockets = [];
  let sent = 0;
  const say = () => sender.emitWithAck("post", { room: "lobby", nonce: String(++sent), text: `live ${sent}` });
  for (let client = 0; client < 18; client += 1) {
    const socket = connect(t, base, { auth: { serverOffset: 0 } });
    /** @type {number[]} */
    const seqs = [];
    socket.on("chat message", (_text, seq) => seqs.push(seq));
    shown.push(seqs);
    sockets.push(socket);
    await Promise.all(Array.from({ length: 100 }, say));
  }
  await until("all have all", () => shown.every(({ length }) => sent <= length));
  for (const seqs of shown) assert.deepEqual(seqs, numbers(sent));
  await until("all are upgraded", () => sockets.every((socket) => socket.io.engine.transport.name === "websocket"));
});

/** The log's epoch. @param {import("./harness.mjs").Scope} t @param {string} base @returns {Promise<string>} */
async function epochOf(t, base) {
  const socket = connect(t, `${base}/chat`);
  const [{ epoch }] = await next(socket, "session");
  socket.disconnect();
  return epoch;
}

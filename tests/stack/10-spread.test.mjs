// @ts-check
/** Clients on three replicas share one conversation, on every transport. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { io } from "socket.io-client";
import { assertAllHeardAll, clientsIn, closeAll, newRoom, TRANSPORTS } from "./clients.mjs";
import { pause, pins, scale, until, URL_HTTP } from "./stack.mjs";

before(() => scale(3));
afterEach(closeAll);
after(closeAll);

for (const [name, options] of Object.entries(TRANSPORTS)) {
  test(`${name}: each replica gets clients, and a message from each reaches all in one order`, async () => {
    const room = newRoom(name);
    // Pinned by cookie: when nginx spreads clients at random, a replica might get none.
    const pinned = (await pins()).map((cookie) => ({ ...options, extraHeaders: { cookie } }));
    const clients = await clientsIn(room, [...pinned, ...pinned, ...pinned]);
    const nodes = new Set(clients.map(({ node }) => node));
    assert.equal(nodes.size, 3, `nodes: ${[...nodes]}`);

    const speakers = [...nodes].map((node) => clients.find((client) => client.node === node));
    /** @type {Map<number, string>} */
    const acked = new Map();
    for (let turn = 1; turn <= 10; turn += 1) {
      await Promise.all(speakers.map(async (speaker, who) => {
        const text = `${who}:${turn}`;
        acked.set(/** @type {number} */ (await speaker?.post(text)), text);
      }));
    }
    assert.equal(acked.size, 30);
    await assertAllHeardAll(clients, acked);
    const wanted = name === "default" ? "websocket" : name;
    await until("upgrades are done", () => clients.every(({ socket }) => socket.io.engine.transport.name === wanted), 10_000);
  });
}

test("the tutorial's clients on three replicas share one conversation, with offsets and retries", async () => {
  const cookies = await pins();
  assert.equal(cookies.length, 3);
  const mark = newRoom("tutorial");

  /** @param {string} cookie @param {object} [auth] */
  const connect = (cookie, auth = {}) => {
    const socket = io(URL_HTTP, { forceNew: true, auth, extraHeaders: { cookie }, ackTimeout: 10_000, retries: 3 });
    /** @type {{ text: string, seq: number, count: number }[]} */
    const got = [];
    socket.on("chat message", (...args) => got.push({ text: args[0], seq: args[1], count: args.length }));
    return { socket, got, mine: () => got.filter(({ text }) => text.startsWith(mark)) };
  };
  const [ada, bob, eve] = cookies.map((cookie) => connect(cookie));
  assert.ok(ada && bob && eve);
  const all = [ada, bob, eve];
  try {
    await until("all are connected", () => all.every(({ socket }) => socket.connected));
    /** @param {typeof ada} client @param {string} text @param {string} offset @returns {Promise<unknown[]>} */
    const say = ({ socket }, text, offset) => new Promise((done) => {
      socket.emit("chat message", text, offset, (/** @type {unknown[]} */ ...args) => done(args));
    });

    const texts = Array.from({ length: 20 }, (_, at) => `${mark} ${at}`);
    const answers = await Promise.all(texts.map((text, at) => say(ada, text, `${ada.socket.id}-${at}`)));
    // With `retries`, the client library passes the error first (null), then the ack's arguments (none).
    assert.ok(answers.every((args) => args.length <= 1 && args.every((arg) => arg === null)), JSON.stringify(answers));
    await until("all have all", () => all.every((client) => 20 <= client.mine().length), 10_000);
    for (const client of all) {
      assert.deepEqual(client.mine().map(({ text }) => text), texts);
      assert.ok(client.mine().every(({ seq, count }, at, mine) => count === 2 && (at === 0 || (mine[at - 1]?.seq ?? 0) < seq)));
    }

    // The same client offset on another replica is acked, but not shown again.
    await say(bob, /** @type {string} */ (texts[0]), `${ada.socket.id}-0`);
    await say(bob, `${mark} last`, "last");
    await until("all have the last", () => all.every((client) => 21 <= client.mine().length), 10_000);
    await pause(300);
    for (const client of all) assert.deepEqual(client.mine().map(({ text }) => text), [...texts, `${mark} last`]);

    // Reconnecting to another replica with an offset brings what was missed and nothing else.
    const offset = ada.mine()[9]?.seq;
    ada.socket.disconnect();
    const back = connect(/** @type {string} */ (cookies[1]), { serverOffset: offset });
    all.push(back);
    await until("it has caught up", () => 11 <= back.got.length, 10_000);
    await pause(300);
    assert.deepEqual(back.got.map(({ text }) => text), [...texts.slice(10), `${mark} last`]);
  } finally {
    for (const { socket } of all) socket.disconnect();
  }
});

// @ts-check
/** The stack with real browsers, which keep cookies across connections. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { Client, closeAll, newRoom } from "./clients.mjs";
import { command, docker, pause, pins, replicaOf, scale, until, URL_HTTP } from "./stack.mjs";

/** The last line of a passed script of tests/browser. */
const PASSED = /^\d+ passed, 0 failed$/m;

/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  await scale(3);
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
  });
});
after(async () => {
  closeAll();
  await browser?.close();
});

test("a polling client stays on its replica over reconnects; when that is stopped it moves and misses nothing", async () => {
  const room = newRoom("sticky");
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${URL_HTTP}/socket.io/socket.io.min.js`);
  // Use the client library that the node serves.
  await page.addScriptTag({ url: "/socket.io/socket.io.min.js" });
  await page.evaluate((room) => {
    const here = /** @type {any} */ (globalThis);
    /** @type {{ nodes: string[], got: string[], token?: string, epoch: string, seq: number, live: boolean }} */
    const state = { nodes: [], got: [], epoch: "", seq: 0, live: false };
    const rooms = () => (state.epoch ? { [room]: { epoch: state.epoch, seq: state.seq } } : {});
    const socket = here.io("/chat", {
      transports: ["polling"],
      reconnectionDelay: 100,
      reconnectionDelayMax: 500,
      auth: (/** @type {(auth: object) => void} */ give) => give({ ...(state.token && { token: state.token }), rooms: rooms() }),
    });
    const take = (/** @type {{ text: string, seq: number }} */ message) => {
      state.got.push(message.text);
      state.seq = message.seq;
    };
    socket.on("session", async (/** @type {any} */ session) => {
      state.token = session.token;
      state.epoch = session.epoch;
      state.nodes.push(session.node);
      if (!session.rooms?.[room]) await socket.emitWithAck("join", { room, after: { epoch: state.epoch, seq: state.seq } });
      state.live = true;
    });
    socket.on("message", take);
    socket.on("messages", (/** @type {any[]} */ page, /** @type {() => void} */ ack) => {
      page.forEach(take);
      ack?.();
    });
    socket.on("disconnect", () => (state.live = false));
    Object.assign(here, { state, client: socket });
  }, room);
  const state = () =>
    page.evaluate(() => {
      const { state, client } = /** @type {any} */ (globalThis);
      return { ...state, transport: client.io.engine?.transport.name };
    });
  const drop = () => page.evaluate(() => /** @type {any} */ (globalThis).client.io.engine.close());
  await until("it is in the room", async () => (await state()).live);

  const speaker = new Client(room);
  await speaker.ready();
  /** @type {string[]} */
  const texts = [];
  const say = async () => {
    const text = `message ${texts.length + 1}`;
    texts.push(text);
    await speaker.post(text);
  };

  for (let turn = 1; turn <= 6; turn += 1) {
    await say();
    await drop();
    await say();
    await until("it is back", async () => (await state()).nodes.length === turn + 1 && (await state()).live);
  }
  const { nodes, transport } = await state();
  assert.equal(transport, "polling");
  assert.equal(new Set(nodes).size, 1, `it was on ${nodes}`);

  const home = nodes[0];
  const stopped = docker("stop", (await replicaOf(home)).id);
  let talking = true;
  const talk = (async () => {
    while (talking) {
      await say();
      await pause(50);
    }
  })();
  await stopped;
  await until("it has moved", async () => (await state()).live && !(await state()).nodes.at(-1).startsWith(home));
  talking = false;
  await talk;
  await say();
  await until("it has the last message", async () => (await state()).got.length >= texts.length);
  await pause(300);
  assert.deepEqual((await state()).got, texts);
  assert.deepEqual(speaker.faults, []);

  // Afterwards it stays on the new replica.
  const moved = (await state()).nodes.length;
  for (let turn = 1; turn <= 3; turn += 1) {
    await drop();
    await until("it is back", async () => (await state()).nodes.length === moved + turn && (await state()).live);
  }
  assert.equal(new Set((await state()).nodes.slice(moved - 1)).size, 1);
  await page.close();
  await scale(3);
});

/**
 * Two replicas for tests/browser: the node name that a page shows there, and the cookie that leads there.
 */
async function twoNodes() {
  const node = async (/** @type {string} */ pin) => {
    const [name = "", cookie = ""] = pin.split("=");
    const context = await browser.newContext();
    await context.addCookies([{ name, value: cookie, url: URL_HTTP }]);
    const page = await context.newPage();
    await page.goto(URL_HTTP);
    const told = page.locator("#node", { hasText: /^connected to node ./ });
    const text = (await told.textContent()) ?? "";
    await context.close();
    return { cookie, name: text.replace("connected to node ", "") };
  };
  const [one = "", two = ""] = await pins();
  const nodes = { one: await node(one), two: await node(two) };
  assert.notEqual(nodes.one.name, nodes.two.name);
  return nodes;
}

test("the page's own browser test passes through nginx", async () => {
  assert.match(await command("node", "tests/browser/two_windows.mjs", URL_HTTP), PASSED);
});

for (const [script, what] of [
  ["10-delivery", "two people on two replicas miss nothing, offline, over a reload, and elsewhere"],
  ["20-messages", "what becomes of a message, who writes and who is here cross replicas, and the search finds"],
  ["90-killed", "a replica is killed, and the page goes on at another"],
]) {
  test(`the page: ${what}`, async () => {
    const nodes = await twoNodes();
    const { id } = await replicaOf(nodes.one.name);
    process.env.NODES = JSON.stringify(nodes);
    process.env.NODE_ONE_PID = await docker("inspect", "--format", "{{.State.Pid}}", id);
    assert.match(await command("node", `tests/browser/${script}.mjs`, URL_HTTP), PASSED);
    await until("three replicas serve", async () => (await pins()).length === 3);
  });
}

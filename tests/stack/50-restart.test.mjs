// @ts-check
/** Acked messages survive a restart of the whole stack. */
import assert from "node:assert/strict";
import { afterEach, before, test } from "node:test";
import { assertAllHeardAll, clientsIn, closeAll, newRoom, TRANSPORTS } from "./clients.mjs";
import { compose, scale, SERVICES, until, URL_HTTP } from "./stack.mjs";

before(() => scale(3));
afterEach(closeAll);

/** @param {string} room @returns {Promise<string[]>} */
async function history(room) {
  const response = await fetch(`${URL_HTTP}/api/rooms/${room}/messages?after=0&limit=100`);
  assert.equal(response.status, 200);
  return /** @type {any} */ (await response.json()).messages.map((/** @type {any} */ { text }) => text);
}

/** @param {string} what @param {() => Promise<unknown>} bounce */
async function survives(what, bounce) {
  const room = newRoom(what);
  const clients = await clientsIn(room, Array(6).fill(TRANSPORTS.websocket));
  /** @type {Map<number, string>} */
  const acked = new Map();
  for (let turn = 1; turn <= 3; turn += 1) {
    for (const client of clients) {
      const text = `before ${acked.size}`;
      acked.set(await client.post(text), text);
    }
  }
  await bounce();
  await until("nginx reaches the nodes", () => fetch(`${URL_HTTP}/api/rooms`).then(({ ok }) => ok, () => false));
  assert.deepEqual(await history(room), [...acked.values()]);

  // Existing clients reconnect by themselves and go on; new clients get the whole history.
  await Promise.all(clients.map((client) => client.ready()));
  for (const client of clients.slice(0, 1)) acked.set(await client.post("after"), "after");
  await assertAllHeardAll(clients, acked);
  await assertAllHeardAll(await clientsIn(room, [TRANSPORTS.default]), acked);
}

test("the history survives docker compose restart", () => survives("restart", () => compose("restart")));

test("the history survives docker compose down and up", () => survives("down", async () => {
  await compose("down");
  await compose("up", "-d", "--wait", "--wait-timeout", "120", "--scale", "chat=3", ...SERVICES);
}));

// @ts-check
/** Scaling and rollout under traffic lose no message. */
import assert from "node:assert/strict";
import { afterEach, before, test } from "node:test";
import { assertAllHeardAll, clientsIn, closeAll, newRoom, Traffic, TRANSPORTS } from "./clients.mjs";
import { command, docker, replicas, scale } from "./stack.mjs";

before(() => scale(3));
afterEach(closeAll);

/** Twelve clients of all transports, four of which send. @param {string} what */
async function conversation(what) {
  const { websocket, polling, default: both } = TRANSPORTS;
  const kinds = [websocket, both, polling, websocket];
  const room = newRoom(what);
  const clients = await clientsIn(room, [...kinds, ...kinds, ...kinds]);
  return { room, clients, traffic: new Traffic(clients.slice(0, 4), 20) };
}

test("scale 3 to 5 to 2 under traffic loses nothing, repeats nothing, and keeps one order", async () => {
  const { room, clients, traffic } = await conversation("scale");
  await traffic.more(50);
  const old = (await replicas()).map(({ host }) => host);
  await scale(5);
  const added = (await replicas()).map(({ host }) => host).filter((host) => !old.includes(host));
  // Each client goes to the emptier of two random replicas: that 30 miss a new one happens once in four million runs.
  const late = await clientsIn(room, Array(30).fill(TRANSPORTS.websocket));
  assert.equal(added.length, 2);
  assert.ok(added.every((host) => late.some(({ node }) => node.startsWith(host))), "the new replicas get clients");
  await traffic.more(100);
  await scale(2);
  await traffic.more(100);
  await traffic.stop();
  await assertAllHeardAll([...clients, ...late], traffic.acked);
  assert.ok(late.every(({ nodes }) => nodes.length <= 4), "each client moved as seldom as replicas left");
});

test("make rollout under traffic replaces every replica and loses nothing", async () => {
  await scale(4);
  const before = (await replicas()).map(({ id }) => id);
  // A dead replica must not come back with its old image.
  await docker("kill", String(before[0]));
  const { clients, traffic } = await conversation("rollout");
  await traffic.more(50);
  const output = await command("make", "rollout");
  const after = (await replicas()).map(({ id }) => id);
  assert.equal(after.length, 3, output);
  assert.ok(after.every((id) => !before.includes(id)), output);
  await traffic.more(50);
  await traffic.stop();
  await assertAllHeardAll(clients, traffic.acked);
});

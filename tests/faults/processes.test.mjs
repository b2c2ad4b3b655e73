// @ts-check
/** Fault injection on real processes: three nodes, one SQLite file, one Redis, and clients that judge every delivery. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { pause } from "../wire/harness.mjs";
import { Checker } from "./checker.mjs";
import { Cluster } from "./cluster.mjs";
import { complaints, row, table } from "./verdict.mjs";

/** 20 s of sending; the fault starts after 5 s. */
const LOAD = ["--rate", "200", "--duration", "20s"];
const CLIENTS = ["--clients", "120"];
const FAULT_AT_S = 5;
/** How long a fault lasts. */
const FAULT_MS = 5_500;
/** Limits of faults that clients must hardly notice. */
const UNNOTICED = { ackP99Ms: 500, crossP99Ms: 2_000, normalAfterS: 2 };
/** Limit for reconnecting and catching up, including a client's backoff of at most a second. */
const RECOVERY_MS = 4_000;
/** When a frozen node's clients give up: ping interval plus ping timeout. */
const SILENCE_MS = 4_000;

/**
 * @typedef {object} Fault
 * @property {string} name
 * @property {Parameters<typeof Cluster.start>[1]} [cluster]
 * @property {string[]} [clients] Replaces the default client options of the checker.
 * @property {(nodes: string[]) => string[]} [urls] The URLs that clients are spread over; by default each node's.
 * @property {import("./verdict.mjs").Limits} [limits]
 * @property {(cluster: Cluster) => unknown} happens Runs from the start to the end of the fault.
 */

const duration = () => pause(FAULT_MS);

/** @param {Cluster} cluster */
async function killAndRestart({ victim }) {
  await victim.kill();
  await duration();
  await victim.start();
}

/** Freezes the node while it holds the log's lock. @param {Cluster} cluster */
async function freezeInCommit(cluster) {
  await cluster.triggerFailpoint();
  await cluster.victim.frozen();
  await duration();
}

/** @type {Fault[]} */
const FAULTS = [
  { name: "none", limits: UNNOTICED, happens: duration },
  {
    name: "a node killed, and back",
    limits: { recoveryMs: RECOVERY_MS },
    happens: killAndRestart,
  },
  {
    name: "a node killed whose 150 clients return at once",
    clients: ["--clients", "250", "--backoff-min", "1ms", "--backoff-max", "20ms"],
    urls: ([victim = "", ...others]) => [victim, victim, victim, ...others],
    limits: { recoveryMs: RECOVERY_MS },
    happens: killAndRestart,
  },
  {
    name: "a node frozen for longer than its clients wait",
    async happens({ victim }) {
      victim.freeze();
      await pause(SILENCE_MS + FAULT_MS);
      victim.thaw();
    },
  },
  {
    name: "a node frozen inside a commit, and resumed",
    cluster: { failpoint: "stop_in_commit" },
    async happens(cluster) {
      await freezeInCommit(cluster);
      cluster.victim.thaw();
    },
  },
  {
    name: "a node frozen inside a commit, and killed",
    cluster: { failpoint: "stop_in_commit" },
    async happens(cluster) {
      await freezeInCommit(cluster);
      await cluster.victim.kill();
      await cluster.victim.start();
    },
  },
  {
    name: "Redis killed, and back",
    limits: UNNOTICED,
    async happens({ redis }) {
      await redis.kill();
      await duration();
      await redis.start();
    },
  },
  {
    name: "Redis frozen",
    limits: UNNOTICED,
    async happens({ redis }) {
      redis.freeze();
      await duration();
      redis.thaw();
    },
  },
  {
    name: "Redis emptied, its connections cut, again and again",
    limits: UNNOTICED,
    async happens(cluster) {
      for (let times = 0; times < FAULT_MS / 500; times += 1) {
        cluster.flush();
        await pause(500);
      }
    },
  },
  {
    name: "Redis started late",
    cluster: { redis: false },
    limits: UNNOTICED,
    async happens({ redis }) {
      await duration();
      await redis.start();
    },
  },
  { name: "Redis never there", cluster: { redis: false }, limits: UNNOTICED, happens: duration },
  {
    name: "the log's lock held by someone else",
    async happens(cluster) {
      cluster.holdLock(FAULT_MS / 1_000);
      await duration();
    },
  },
  {
    name: "the disk full, and space again",
    cluster: { diskMib: 96 },
    async happens({ disk }) {
      disk?.fill();
      await duration();
      disk?.empty();
    },
  },
];

/** @type {string[][]} */
const rows = [];
after(() => console.log(`\n${table(rows)}\n`));

for (const fault of FAULTS) {
  test(fault.name, async (t) => {
    const cluster = await Cluster.start(t, fault.cluster);
    const urls = fault.urls?.(cluster.urls) ?? cluster.urls;
    const checker = new Checker(t, urls, [...LOAD, ...(fault.clients ?? CLIENTS)]);
    await checker.until(FAULT_AT_S);
    const from = checker.now();
    await fault.happens(cluster);
    const window = { from, to: checker.now() };
    const report = await checker.report();
    rows.push(row(fault.name, report, window));
    assert.deepEqual(complaints(report, window, fault.limits ?? {}), []);
    assert.equal(report.nodes.names.filter((name) => name.startsWith("node-")).length, 3, "clients reached all nodes");
  });
}

test("30 clients frozen among fast ones, and back", async (t) => {
  const cluster = await Cluster.start(t);
  const fast = new Checker(t, cluster.urls, [...LOAD, ...CLIENTS]);
  await fast.until(1);
  const slow = new Checker(t, cluster.urls, ["--clients", "30", "--rate", "10", "--duration", "14s"]);
  await fast.until(FAULT_AT_S);
  const from = fast.now();
  slow.freeze();
  await pause(FAULT_MS);
  slow.thaw();
  const window = { from, to: fast.now() };
  const [fastReport, slowReport] = await Promise.all([fast.report(), slow.report()]);
  rows.push(row("30 clients frozen: the fast ones", fastReport, window));
  assert.deepEqual(complaints(fastReport, window, UNNOTICED), []);
  assert.deepEqual(complaints(slowReport, { from: 0, to: 14 }, {}), []);
});

// @ts-check
/** Fault injection on the stack, under traffic through nginx, with clients that judge every delivery. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { Checker } from "../faults/checker.mjs";
import { complaints, row, table } from "../faults/verdict.mjs";
import { command, compose, docker, pause, replicas, scale, until, URL_HTTP } from "./stack.mjs";

const CLIENTS = ["--clients", "120", "--rate", "200"];
const FAULT_AT_S = 5;
const FAULT_MS = 5_500;
/** Limit for reconnecting and catching up, including a client's backoff of at most a second. */
const RECOVERY_MS = 4_000;
/** nginx takes 12 s to notice a paused replica, and clients run into that twice. */
const PAUSED_MS = 30_000;

/**
 * @typedef {object} Fault
 * @property {string} name
 * @property {number} [sendS] Seconds of sending; must be longer than the fault and its aftermath.
 * @property {import("../faults/verdict.mjs").Limits} [limits]
 * @property {number} [backMs] Limit for the last client to catch up after the fault's end.
 * @property {() => unknown} happens Runs from the start to the end of the fault.
 */

const duration = () => pause(FAULT_MS);

async function aReplica() {
  const [replica] = await replicas();
  if (!replica) throw new Error("no replica runs");
  return replica.id;
}

async function redis() {
  return compose("ps", "--quiet", "redis");
}

/** The name of a container's network. @param {string} container */
async function networkOf(container) {
  return docker("inspect", "--format", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}", container);
}

/** Builds the same program as a new image, like the next version. */
async function nextImage() {
  const image = process.env.CHAT_IMAGE ?? "chorus:local";
  const build = promisify(execFile)("docker", ["build", "--quiet", "--label", `next=${Date.now()}`, "--tag", image, "-"]);
  build.child.stdin?.end(`FROM ${image}\n`);
  await build;
}

/** @type {Fault[]} */
const FAULTS = [
  {
    name: "a replica killed, and started again",
    limits: { recoveryMs: RECOVERY_MS },
    async happens() {
      const replica = await aReplica();
      await docker("kill", replica);
      await duration();
      await docker("start", replica);
    },
  },
  {
    name: "a replica paused",
    sendS: 45,
    limits: { longestWaitMs: PAUSED_MS },
    async happens() {
      const replica = await aReplica();
      await docker("pause", replica);
      await pause(PAUSED_MS);
      await docker("unpause", replica);
    },
  },
  {
    name: "a replica cut off the network",
    sendS: 45,
    limits: { longestWaitMs: PAUSED_MS },
    async happens() {
      const replica = await aReplica();
      const network = await networkOf(replica);
      await docker("network", "disconnect", network, replica);
      await pause(PAUSED_MS);
      // With the service's alias, under which nginx and Prometheus find it.
      await docker("network", "connect", "--alias", "chat", network, replica);
    },
  },
  {
    name: "Redis paused",
    limits: { ackP99Ms: 500, crossP99Ms: 2_000, normalAfterS: 2 },
    async happens() {
      await docker("pause", await redis());
      await duration();
      await docker("unpause", await redis());
    },
  },
  { name: "Redis restarted", limits: { ackP99Ms: 500, crossP99Ms: 2_000, normalAfterS: 2 }, happens: () => restart("redis") },
  { name: "nginx restarted", backMs: RECOVERY_MS, happens: () => restart("nginx") },
  {
    name: "rollout of another image",
    sendS: 40,
    async happens() {
      const old = await replicas();
      await nextImage();
      process.env.ROLLOUT_BUILD = "0";
      await command("make", "rollout");
      const images = new Set([...old, ...(await replicas())].map(({ image }) => image));
      assert.equal(images.size, 2, "the new replicas run another image");
    },
  },
  {
    name: "3 to 5 to 1 to 3 replicas",
    sendS: 60,
    async happens() {
      for (const count of [5, 1, 3]) await scale(count);
    },
  },
];

/** Stops a service and starts it again after a while. @param {string} service */
async function restart(service) {
  await compose("stop", service);
  await duration();
  await compose("start", service);
}

/** @type {string[][]} */
const rows = [];
before(() => scale(3));
after(() => console.log(`\n${table(rows)}\n`));

for (const { name, sendS = 20, limits = {}, backMs, happens } of FAULTS) {
  test(`${name}: nothing is lost, doubled or inverted`, async (t) => {
    const checker = new Checker(t, [URL_HTTP], [...CLIENTS, "--duration", `${sendS}s`]);
    await checker.until(FAULT_AT_S);
    const from = checker.now();
    await happens();
    const window = { from, to: checker.now() };
    const report = await checker.report();
    rows.push(row(name, report, window));
    // A client can have been disconnected since the fault's start at most.
    const recoveryMs = backMs === undefined ? limits.recoveryMs : 1_000 * (window.to - window.from) + backMs;
    assert.deepEqual(complaints(report, window, { ...limits, recoveryMs }), []);
    assert.ok(window.to < sendS, `the fault ended after ${window.to} s of ${sendS} s of sending`);
    await until("three replicas serve", async () => (await replicas()).length === 3);
    await scale(3);
  });
}

// @ts-check
/** The k6 scenarios against three nodes on one SQLite file and one Redis, behind nginx with a sticky cookie. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { folder, startCluster, startNginx, until } from "../wire/harness.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Cleanup at the end of the file, because a `before` hook has no scope of its own. @type {(() => unknown)[]} */
const ends = [];
let url = "";

before(async () => {
  const scope = { after: (/** @type {() => unknown} */ end) => void ends.unshift(end) };
  const nodes = await startCluster(scope, { nodes: 3 });
  url = await startNginx(scope, ...nodes.map((node) => node.url));
});

after(async () => {
  for (const end of ends) await end();
});

/** Flags that spare the harness from restarting itself. */
const FLAGS = ["--experimental-vm-modules", "--no-warnings"];
/** Generous limits: latency of a debug build on a busy machine is not tested here. */
const PATIENT = { P95_MS: "15000", P99_MS: "20000", CONNECT_P95_MS: "20000" };
const SHORT = { CLIENTS: "18", ROOM_SIZE: "18", RAMP: "200ms", DURATION: "2s", RATE: "3" };

/**
 * Starts a scenario.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} scenario
 * @param {Record<string, string>} env
 * @param {string[]} [args]
 */
function begin(t, scenario, env, args = []) {
  const out = folder(t);
  const all = { URL: url, OUT: out, SETTLE: "10s", ...PATIENT, ...env };
  const given = Object.entries(all).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  let output = "";
  const child = execFile(process.execPath, [...FLAGS, "loadtest/harness/run.mjs", ...given, ...args, `loadtest/${scenario}.js`], { cwd: ROOT });
  child.stdout?.on("data", (text) => (output += text));
  child.stderr?.on("data", (text) => (output += text));
  t.after(() => child.kill("SIGKILL"));
  const ended = once(child, "close").then(() => ({ code: child.exitCode, output, out }));
  return { ended };
}

/** @param {string} out @param {string} scenario */
function report(out, scenario) {
  const json = JSON.parse(readFileSync(`${out}/${scenario}.json`, "utf8"));
  const count = (/** @type {string} */ name) => json.metrics[name]?.values.count;
  return { ...json, count };
}

for (const transport of ["websocket", "upgrade"]) {
  test(`cross-node, ${transport}: each of nine pairs of nodes delivers, nothing is lost, doubled or inverted`, async (t) => {
    const { code, output, out } = await begin(t, "cross-node", { ...SHORT, TRANSPORT: transport }).ended;
    assert.equal(code, 0, output);
    const { matrix, count } = report(out, "cross-node");
    assert.equal(matrix.length, 9);
    for (const cell of matrix) assert.ok(0 < cell.count, JSON.stringify(cell));
    for (const name of ["messages_lost", "messages_doubled", "messages_inverted", "messages_differing"]) assert.equal(count(name), 0, name);
    assert.equal(count("verdicts"), 18);
    assert.match(output, /PASSED {2}cross-node/);
    const html = readFileSync(`${out}/cross-node.html`, "utf8");
    assert.doesNotMatch(html, /<script|<link[^>]+href="(?!data:)|\bsrc=/);
  });
}

for (const [fault, metric] of [["loss", "messages_lost"], ["repeat", "messages_doubled"]]) {
  test(`cross-node notices one message's ${fault} between server and script`, async (t) => {
    const { code, output, out } = await begin(t, "cross-node", { ...SHORT, SETTLE: "1s" }, ["--plant", String(fault)]).ended;
    assert.equal(code, 99, output);
    const broken = report(out, "cross-node").thresholds.filter((/** @type {any} */ { ok }) => !ok);
    assert.deepEqual(broken.map((/** @type {any} */ { metric: name, value }) => [name, value]), [[metric, "1"]]);
  });
}

test("a wrong number of replicas is said before anything is judged", async (t) => {
  const { code, output } = await begin(t, "cross-node", { ...SHORT, REPLICAS: "4" }).ended;
  assert.equal(code, 107, output);
  assert.match(output, /REPLICAS is 4, but .* leads to 3 \(node-1, node-2, node-3\)/);
});

test("churn: a node that is killed in the middle costs nothing", async (t) => {
  const own = await startCluster(t, { nodes: 3 });
  const behind = await startNginx(t, ...own.map((node) => node.url));
  const { ended } = begin(t, "churn", { ...SHORT, URL: behind, DURATION: "5s", EVERY: "2s", AWAY: "1s" });
  // Kill the node in the middle of the run.
  await until("clients send", async () => {
    const { rooms } = await (await fetch(`${behind}/api/rooms`)).json();
    return rooms.some((/** @type {any} */ { head }) => 60 < head);
  });
  own[1]?.kill();
  const { code, output, out } = await ended;
  assert.equal(code, 0, output);
  const { count, metrics } = report(out, "churn");
  assert.deepEqual([count("messages_lost"), count("messages_doubled"), count("messages_inverted")], [0, 0, 0]);
  assert.equal(count("verdicts"), 18);
  assert.ok(0 < metrics["deliveries{via:page}"].values.count);
});

/** @type {[scenario: string, env: Record<string, string>][]} */
const OTHERS = [
  ["ramp", { CLIENTS: "18", UP: "1s", HOLD: "500ms", LIFE: "1s", RATE: "3" }],
  ["spike", { CLIENTS: "9", CROWD: "18", DURATION: "3s", CROWD_FOR: "1s", RATE: "3" }],
  ["soak", { ...SHORT, DURATION: "3s", EVERY: "1s", AWAY: "300ms" }],
];
for (const [scenario, env] of OTHERS) {
  test(`${scenario} runs and holds`, async (t) => {
    const { code, output } = await begin(t, scenario, env).ended;
    assert.equal(code, 0, output);
  });
}

// @ts-check
/** The harness behaves like k6: metrics, thresholds, exit codes, and contexts without Node's globals. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { sinkOf } from "../../loadtest/harness/sinks.mjs";
import { expression, metricName } from "../../loadtest/harness/thresholds.mjs";
import { folder } from "../wire/harness.mjs";

const RUN = fileURLToPath(new URL("../../loadtest/harness/run.mjs", import.meta.url));

/** Flags that spare the harness from restarting itself. */
const FLAGS = ["--experimental-vm-modules", "--no-warnings"];

/**
 * Runs a script.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} script
 * @param {string[]} [args]
 * @returns {Promise<{ code: number, out: string, err: string }>}
 */
function run(t, script, args = []) {
  const path = join(folder(t), "script.js");
  writeFileSync(path, script);
  return new Promise((done) => {
    const child = execFile(process.execPath, [...FLAGS, RUN, ...args, path], (_error, out, err) =>
      done({ code: child.exitCode ?? -1, out, err }));
  });
}

const SUMMARY = "export const handleSummary = (data) => ({ stdout: JSON.stringify(data) });\n";

test("scripts see nothing of Node, nor what k6's engine lacks", async (t) => {
  const names = ["process", "Buffer", "require", "global", "fetch", "URL", "setImmediate", "structuredClone",
    "performance", "WebSocket", "TextEncoder", "Intl", "WebAssembly", "Atomics"];
  const { code, out, err } = await run(t, `
    export const seen = ${JSON.stringify(names)}.filter((name) => name in globalThis);
    export default function () {}
    export const handleSummary = () => ({ stdout: JSON.stringify(seen) });`);
  assert.equal(code, 0, err);
  assert.deepEqual(JSON.parse(out), []);
});

for (const module of ["node:fs", "fs", "ws", "k6/ws", "k6/x/socketio", "https://example.org/a.js"]) {
  test(`${module} cannot be imported`, async (t) => {
    const { code, err } = await run(t, `import "${module}"; export default function () {}`);
    assert.equal(code, 107);
    assert.match(err, /unknown module/);
  });
}

test("each VU has globals and modules of its own, and gets setup's data as JSON", async (t) => {
  const { code, out, err } = await run(t, `
    import { Counter, Trend } from "k6/metrics";
    import exec from "k6/execution";
    const [vus, data] = [new Trend("own"), new Counter("data")];
    let own = 0;
    export const options = { scenarios: { all: { executor: "per-vu-iterations", vus: 3, iterations: 2 } } };
    export const setup = async () => ({ n: 5, gone: undefined });
    export default function (given) {
      globalThis.count = (globalThis.count ?? 0) + 1;
      own += 1;
      if (own !== globalThis.count || exec.vu.iterationInInstance !== own - 1) throw new Error("shared");
      vus.add(own);
      data.add(given.n + Object.keys(given).length);
      given.n = 0;
    }
    ${SUMMARY}`);
  assert.equal(code, 0, err);
  const { metrics, setup_data } = JSON.parse(out);
  assert.equal(metrics.iterations.values.count, 6);
  assert.deepEqual([metrics.own.values.min, metrics.own.values.max], [1, 2]);
  assert.equal(metrics.data.values.count, 6 * 6);
  assert.deepEqual(setup_data, { n: 5 });
});

test("an iteration lasts as long as its timers", async (t) => {
  const { code, out } = await run(t, `
    import { Counter } from "k6/metrics";
    import { clearTimeout, setTimeout } from "k6/timers";
    const late = new Counter("late");
    export default function () {
      setTimeout(() => setTimeout(() => late.add(1), 20), 20);
      clearTimeout(setTimeout(() => late.add(1), 10));
    }
    ${SUMMARY}`);
  assert.equal(code, 0);
  assert.equal(JSON.parse(out).metrics.late.values.count, 1);
});

/** @type {[what: string, thresholds: Record<string, string[]>, body: string, code: number][]} */
const THRESHOLDS = [
  ["that holds", { hits: ["count==2"] }, "hits.add(2)", 0],
  ["that does not hold", { hits: ["count<2"] }, "hits.add(2)", 99],
  ["on a submetric that has other tags", { "hits{pair:0-1}": ["count>0"] }, "hits.add(1, { pair: '1-0' })", 99],
  ["on a submetric that has its tag", { "hits{pair:0-1}": ["count>0"] }, "hits.add(1, { pair: '0-1', via: 'live' })", 0],
  ["on a submetric without a sample", { "hits{pair:0-1}": ["count>0"] }, "", 99],
  ["on a metric that does not exist", { misses: ["count>0"] }, "", 104],
  ["that the metric's kind has not", { hits: ["p(95)<1"] }, "", 104],
  ["that is none", { hits: ["count is 2"] }, "", 104],
];
for (const [what, thresholds, body, code] of THRESHOLDS) {
  test(`a threshold ${what} ends with ${code}`, async (t) => {
    const ended = await run(t, `
      import { Counter } from "k6/metrics";
      const hits = new Counter("hits");
      export const options = { thresholds: ${JSON.stringify(thresholds)} };
      export default function () { ${body}; }`);
    assert.equal(ended.code, code, ended.err);
  });
}

test("an error in setup, in the init context, or a promise that nobody heard ends with 107", async (t) => {
  const scripts = [
    "export function setup() { throw new Error('no') } export default function () {}",
    "throw new Error('no')",
    "export default function () { Promise.reject(new Error('no')) }",
  ];
  for (const script of scripts) assert.equal((await run(t, script)).code, 107, script);
});

test("what the harness does not have is said, not passed over", async (t) => {
  const { code } = await run(t, `
    export const options = { scenarios: { a: { executor: "constant-arrival-rate" } } };
    export default function () {}`);
  assert.equal(code, 104);
});

test("it starts itself again with the flags that it needs, and passes the exit code on", () => {
  const { status, stderr } = spawnSync(process.execPath, [RUN, "no-such-script.js"], { encoding: "utf8" });
  assert.equal(status, 107, stderr);
  assert.match(stderr, /no-such-script/);
});

test("-e sets the script's environment", async (t) => {
  const { out } = await run(t, "export default () => {}; export const handleSummary = () => ({ stdout: __ENV.NAME });", ["-e", "NAME=a=b"]);
  assert.equal(out, "a=b");
});

test("ramping VUs climb, stay and are let live to the end of their iteration", async (t) => {
  const { code, out, err } = await run(t, `
    import { setTimeout } from "k6/timers";
    import { Counter } from "k6/metrics";
    const ends = new Counter("ends");
    export const options = { scenarios: { ramp: { executor: "ramping-vus", startVUs: 0,
      stages: [{ duration: "200ms", target: 4 }, { duration: "200ms", target: 0 }] } } };
    export default () => new Promise((done) => { setTimeout(() => { ends.add(1); done(); }, 600); });
    ${SUMMARY}`);
  assert.equal(code, 0, err);
  const { count } = JSON.parse(out).metrics.ends.values;
  assert.ok(2 <= count && count <= 4, `${count} lives`);
});

test("percentiles lie between values, as k6's do", () => {
  const trend = sinkOf("trend");
  for (const value of [10, 20, 30, 40]) trend.add(value);
  const keys = ["min", "med", "avg", "max", "count", "p(0)", "p(90)", "p(95)", "p(99.9)", "p(100)"];
  assert.deepEqual(keys.map((key) => Number(trend.value(key, 1).toFixed(3))), [10, 25, 25, 40, 4, 10, 37, 38.5, 39.97, 40]);
  assert.equal(sinkOf("trend").value("p(95)", 1), 0);
});

test("expressions and names are read as k6 reads them", () => {
  assert.ok(expression(" p(99.9) <= 1.5 ", "trend").holds(1.5));
  assert.ok(!expression("rate!=1", "rate").holds(1));
  assert.throws(() => expression("p<1", "trend"));
  assert.deepEqual(metricName("a{pair:0-1, via:live}"), { name: "a", tags: [["pair", "0-1"], ["via", "live"]] });
});

// @ts-check
/** After a load during which a replica died, every panel and every alert finds its data. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ask, named } from "../../deploy/grafana/pictures/data.mjs";
import { alerts, leftSide, ofPanels } from "../deploy/expressions.mjs";
import { command, docker, replicas, scale, until, URL_HTTP, URL_PROMETHEUS } from "./stack.mjs";

/** PICTURES=1 runs longer and redraws docs/img. */
const PICTURES = process.env.PICTURES === "1";
const LOAD = PICTURES
  ? { CLIENTS: "60", ROOM_SIZE: "15", DURATION: "240s", RAMP: "20s", EVERY: "30s", AWAY: "2s" }
  : { CLIENTS: "45", ROOM_SIZE: "15", DURATION: "45s", RAMP: "2s", EVERY: "10s", AWAY: "2s" };
/** Generous limits: latency on a busy machine is not tested here. */
const PATIENT = { P95_MS: "15000", P99_MS: "20000" };
const STEP_S = 5;

const out = mkdtempSync(join(tmpdir(), "chorus-load-"));
/** The time range of the load, for queries to Prometheus. @type {import("../../deploy/grafana/pictures/data.mjs").Window} */
const load = { url: URL_PROMETHEUS, from: 0, to: 0, step: STEP_S };

/** When the first client stops sending. */
let sentUntil = 0;

before(() => scale(3));
after(() => rmSync(out, { recursive: true }));

/** @param {string} scenario @param {Record<string, string>} options @param {string[]} [args] */
function harness(scenario, options, args = []) {
  const env = {
    ...process.env,
    URL: URL_HTTP,
    OUT: out,
    K6_OUT: "experimental-prometheus-rw",
    K6_PROMETHEUS_RW_SERVER_URL: `${URL_PROMETHEUS}/api/v1/write`,
    K6_PROMETHEUS_RW_TREND_STATS: "p(50),p(95),p(99),max",
    K6_PROMETHEUS_RW_STALE_MARKERS: "true",
    ...PATIENT,
    ...options,
  };
  const child = spawn(process.execPath, ["loadtest/harness/run.mjs", ...args, `loadtest/${scenario}.js`], { env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  return once(child, "close").then(([code]) => ({ code, output }));
}

/** @param {string} query @returns {Promise<any>} */
async function prometheus(query) {
  return (/** @type {any} */ (await (await fetch(`${URL_PROMETHEUS}/api/v1/${query}`)).json())).data;
}

/** @param {string} expr */
async function value(expr) {
  const { result } = await prometheus(`query?query=${encodeURIComponent(expr)}`);
  return Number(result[0]?.value[1] ?? NaN);
}

test("under load, a replica dies and another comes, and the clients miss nothing", async () => {
  load.from = Date.now() / 1_000;
  const ended = harness("churn", LOAD);
  const shown = (/** @type {number} */ count) =>
    until(`${count} messages are shown`, async () => count < await value("sum(k6_deliveries_total)"), 240_000);
  await shown(PICTURES ? 50_000 : 3_000);
  const [victim] = await replicas();
  assert.ok(victim);
  await docker("kill", victim.id);
  // By address, because series of replicas that left while Prometheus was down end only by age.
  await until("Prometheus has noticed that it is gone", async () => Number.isNaN(await value(`up{job="chat", instance="${victim.address}:3000"}`)));
  if (PICTURES) await shown(100_000);
  await scale(4);
  // NaN counts as reached, because the series may end before the last value is read.
  await until("the first client ends", async () => !(Number(LOAD.CLIENTS) <= await value("sum(k6_vus)")), 400_000);
  sentUntil = Date.now() / 1_000 - STEP_S;
  const { code, output } = await ended;
  assert.equal(code, 0, output);
  load.to = Date.now() / 1_000 + 2 * STEP_S;
  await until("Prometheus has the last samples", () => load.to < Date.now() / 1_000);
  console.log(output);
});

test("every expression of every panel has data", async () => {
  const empty = [];
  for (const { from, expr, legend, instant } of ofPanels()) {
    const series = await ask(load, expr, instant);
    console.log(`${from}\n    ${series.length === 0 ? "nothing" : shown(series, legend)}    ${expr}`);
    if (series.length === 0) empty.push(`${from}: ${expr}`);
  }
  assert.deepEqual(empty, []);
});

/** @param {import("../../deploy/grafana/pictures/data.mjs").Series[]} series @param {string} legend */
function shown(series, legend) {
  const [first] = series;
  const newest = first?.points.at(-1)?.[1];
  return `${first && named(legend, first) || "it"} ${Number(newest?.toPrecision(4))}${1 < series.length ? `, and ${series.length - 1} more` : ""}`;
}

test("every alert is evaluated, and what it looks at is there while it is quiet", async () => {
  const { groups } = await prometheus("rules");
  const rules = groups.flatMap((/** @type {any} */ group) => group.rules);
  assert.deepEqual(rules.map((/** @type {any} */ { name, health }) => `${name} ${health}`), alerts().map(({ name }) => `${name} ok`));
  for (const { name, expr } of alerts()) {
    const series = await ask(load, leftSide(expr));
    console.log(`${name}\n    ${series.length === 0 ? "nothing" : shown(series, "{{instance}}{{hop}}")}    ${expr.trim()}`);
    assert.ok(0 < series.length, name);
  }
});

test("a replica that is frozen is told by NodeDown, until it goes on", async () => {
  const [replica] = await replicas();
  assert.ok(replica);
  const firing = `count(ALERTS{alertname="NodeDown", alertstate="firing", instance="${replica.address}:3000"})`;
  await docker("pause", replica.id);
  try {
    await until("the alert fires", async () => await value(firing) === 1, 90_000);
  } finally {
    await docker("unpause", replica.id);
  }
  await until("Docker finds it healthy", async () =>
    await docker("inspect", "--format", "{{.State.Health.Status}}", replica.id) === "healthy");
  await until("the alert has ended", async () => Number.isNaN(await value(firing)));
});

for (const [fault, broken] of [["loss", "messages_lost"], ["repeat", "messages_doubled"]]) {
  test(`the cross-node scenario notices one message's ${fault}, and ends with 99`, async () => {
    await scale(3);
    const short = { CLIENTS: "18", ROOM_SIZE: "18", RAMP: "1s", DURATION: "5s", RATE: "3", SETTLE: "1s" };
    const { code, output } = await harness("cross-node", short, ["--plant", String(fault)]);
    assert.equal(code, 99, output);
    assert.match(output, new RegExp(`harness: thresholds on these have failed: ${broken}: count==0\n`));
  });
}

test("without a fault it ends with 0, and each of nine pairs of nodes delivers", async () => {
  const { code, output } = await harness("cross-node", { CLIENTS: "45", ROOM_SIZE: "15", DURATION: "10s" });
  assert.equal(code, 0, output);
  console.log(output);
});

if (PICTURES) {
  test("docs/img is made anew", async () => {
    // Single values are of the range's end: of the last moment of the load, or of the clients' verdicts after it.
    for (const [end, ...names] of [[sentUntil, "overview", "cluster", "clients"], [load.to, "loadtest"]]) {
      const args = ["--prometheus", URL_PROMETHEUS, "--from", load.from, "--to", end, ...names].map(String);
      console.log(await command(process.execPath, "deploy/grafana/pictures/run.mjs", ...args));
    }
  });
}

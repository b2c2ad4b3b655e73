// @ts-check
/** After a real load, with a replica that died in the middle, every panel and every alert has what it looks at. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ask, named } from "../../deploy/grafana/pictures/data.mjs";
import { alerts, lookedAt, ofPanels } from "../deploy/expressions.mjs";
import { command, docker, replicas, scale, until, URL_HTTP, URL_PROMETHEUS } from "./stack.mjs";

/** PICTURES=1: a longer run, and docs/img made anew from it. */
const PICTURES = process.env.PICTURES === "1";
const LOAD = PICTURES
  ? { CLIENTS: "60", ROOM_SIZE: "15", DURATION: "240s", RAMP: "20s", EVERY: "30s", AWAY: "2s" }
  : { CLIENTS: "45", ROOM_SIZE: "15", DURATION: "45s", RAMP: "2s", EVERY: "10s", AWAY: "2s" };
/** A busy machine is slow; it is not what is tested here. */
const PATIENT = { P95_MS: "15000", P99_MS: "20000" };
const STEP_S = 5;

const out = mkdtempSync(join(tmpdir(), "chorus-load-"));
/** The load's time, as what Prometheus is asked about. @type {import("../../deploy/grafana/pictures/data.mjs").Window} */
const load = { url: URL_PROMETHEUS, from: 0, to: 0, step: STEP_S };

/** When the first client has said all it had to. */
let talkedUntil = 0;

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
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
  return once(child, "close").then(([code]) => ({ code, said }));
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
  // By its address: of replicas that went while Prometheus itself was away, the series end only by age.
  await until("it is seen to be gone", async () => Number.isNaN(await value(`up{job="chat", instance="${victim.address}:3000"}`)));
  if (PICTURES) await shown(100_000);
  await scale(4);
  // Its series may end first.
  await until("the first client comes to its end", async () => !(Number(LOAD.CLIENTS) <= await value("sum(k6_vus)")), 400_000);
  talkedUntil = Date.now() / 1_000 - STEP_S;
  const { code, said } = await ended;
  assert.equal(code, 0, said);
  load.to = Date.now() / 1_000 + 2 * STEP_S;
  await until("Prometheus has what came last", () => load.to < Date.now() / 1_000);
  console.log(said);
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
    const series = await ask(load, lookedAt(expr));
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

for (const [plant, broken] of [["loss", "messages_lost"], ["repeat", "messages_doubled"]]) {
  test(`the cross-node scenario notices one message's ${plant}, and ends with 99`, async () => {
    await scale(3);
    const short = { CLIENTS: "18", ROOM_SIZE: "18", RAMP: "1s", DURATION: "5s", RATE: "3", SETTLE: "1s" };
    const { code, said } = await harness("cross-node", short, ["--plant", String(plant)]);
    assert.equal(code, 99, said);
    assert.match(said, new RegExp(`harness: thresholds on these have failed: ${broken}: count==0\n`));
  });
}

test("without a fault it ends with 0, and each of nine pairs of nodes delivers", async () => {
  const { code, said } = await harness("cross-node", { CLIENTS: "45", ROOM_SIZE: "15", DURATION: "10s" });
  assert.equal(code, 0, said);
  console.log(said);
});

if (PICTURES) {
  test("docs/img is made anew", async () => {
    // Numbers are of the end: of the last moment of the load, or of what its clients said when it was over.
    for (const [end, ...names] of [[talkedUntil, "overview", "cluster", "clients"], [load.to, "loadtest"]]) {
      const args = ["--prometheus", URL_PROMETHEUS, "--from", load.from, "--to", end, ...names].map(String);
      console.log(await command(process.execPath, "deploy/grafana/pictures/run.mjs", ...args));
    }
  });
}

// @ts-check
/** A real Prometheus gets k6's series from the harness: with k6's names and scales, and ended as k6 ends them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { folder, freePort, start, until } from "../wire/harness.mjs";

const RUN = fileURLToPath(new URL("../../loadtest/harness/run.mjs", import.meta.url));

/** @param {import("node:test").TestContext} t */
async function prometheus(t) {
  const [home, port] = [folder(t), await freePort()];
  writeFileSync(join(home, "prometheus.yml"), "global: {}\n");
  start(t, "prometheus", [`--config.file=${home}/prometheus.yml`, `--storage.tsdb.path=${home}/data`,
    `--web.listen-address=127.0.0.1:${port}`, "--web.enable-remote-write-receiver", "--log.level=error"], {});
  const url = `http://127.0.0.1:${port}`;
  await until("Prometheus is ready", () => fetch(`${url}/-/ready`).then(({ ok }) => ok, () => false));
  return url;
}

/** @param {string} url @param {string} query @returns {Promise<{ metric: Record<string, string>, values: [number, string][] }[]>} */
async function series(url, query) {
  const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(`${query}[5m]`)}`);
  return /** @type {any} */ (await response.json()).data.result;
}

/** @param {import("node:test").TestContext} t @param {string} body @param {Record<string, string>} env @returns {Promise<{ code: number, err: string }>} */
function run(t, body, env) {
  const path = join(folder(t), "script.js");
  writeFileSync(path, `
    import { Counter, Rate, Trend } from "k6/metrics";
    const [said, stored, late] = [new Counter("said"), new Rate("stored"), new Trend("late", true)];
    export default function () { ${body} }`);
  return new Promise((done) => {
    const child = execFile(process.execPath, ["--experimental-vm-modules", "--no-warnings", RUN, path],
      { env: { ...process.env, ...env } }, (_error, _out, err) => done({ code: child.exitCode ?? -1, err }));
  });
}

test("each kind of metric becomes its series, one for each set of tags, and they end with the run", async (t) => {
  const url = await prometheus(t);
  const { code, err } = await run(t, `
    for (const pair of ["0-1", "1-0", "0-1"]) said.add(2, { pair });
    for (const one of [1, 1, 1, 0]) stored.add(one);
    for (const ms of [100, 200, 300]) late.add(ms);`, {
    K6_OUT: "experimental-prometheus-rw",
    K6_PROMETHEUS_RW_SERVER_URL: `${url}/api/v1/write`,
    K6_PROMETHEUS_RW_TREND_STATS: "p(50),max",
    K6_PROMETHEUS_RW_STALE_MARKERS: "true",
  });
  assert.equal(code, 0, err);
  const newest = async (/** @type {string} */ query) => Object.fromEntries((await series(url, query)).map(({ metric, values }) =>
    [`${metric.__name__} ${metric.pair ?? ""}`.trim(), Number(values.at(-1)?.[1])]));
  assert.deepEqual(await newest('{__name__=~"k6_(said|stored|late|vus).*"}'), {
    "k6_said_total 0-1": 4,
    "k6_said_total 1-0": 2,
    k6_stored_rate: 0.75,
    k6_late_p50: 0.2,
    k6_late_max: 0.3,
    k6_vus: 0,
  });
  const now = await fetch(`${url}/api/v1/query?query=k6_said_total`);
  assert.deepEqual(/** @type {any} */ (await now.json()).data.result, [], "the series have ended");
});

test("a Prometheus that is not there disturbs nothing, and is said once", async (t) => {
  const { code, err } = await run(t, "said.add(1)", {
    K6_OUT: "experimental-prometheus-rw",
    K6_PROMETHEUS_RW_SERVER_URL: `http://127.0.0.1:${await freePort()}/api/v1/write`,
    K6_PROMETHEUS_RW_STALE_MARKERS: "true",
  });
  assert.equal(code, 0, err);
  assert.equal(err.match(/samples cannot be sent/g)?.length, 1, err);
});

test("another output is refused", async (t) => {
  assert.equal((await run(t, "", { K6_OUT: "influxdb" })).code, 104);
});

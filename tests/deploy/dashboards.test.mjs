// @ts-check
/** The dashboards: match their source, have described panels, and use existing metrics. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { DASHBOARDS, FOLDER, text } from "../../deploy/grafana/source/write.mjs";
import { dashboards, metricsIn, ofPanels, panels } from "./expressions.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const read = (/** @type {string} */ path) => readFileSync(ROOT + path, "utf8");

test("the files are what `npm run dashboards` writes", () => {
  assert.deepEqual(readdirSync(FOLDER).sort(), Object.keys(DASHBOARDS).map((name) => `${name}.json`).sort());
  for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
    assert.equal(readFileSync(`${FOLDER}${name}.json`, "utf8"), text(dashboard), `${name}.json: run npm run dashboards`);
  }
});

for (const [name, dashboard] of Object.entries(dashboards())) {
  test(`${name}: each panel asks or states something, has a unit, and says what would be bad`, () => {
    const titles = new Set();
    for (const panel of panels(dashboard)) {
      const { title, description, fieldConfig, targets, id } = panel;
      assert.match(title, /^[A-Z].{12,}[?a-z]$/);
      assert.ok(!titles.has(title), `twice: ${title}`);
      titles.add(title);
      assert.match(description, /^\S.{20,}\.$/, title);
      assert.ok(fieldConfig.defaults.unit, `${title} has no unit`);
      assert.ok(0 < targets.length && 0 < id, title);
    }
  });

  test(`${name}: panels fill the grid and do not lie upon each other`, () => {
    const taken = new Set();
    for (const { title, gridPos: { x, y, w, h } } of dashboard.panels) {
      assert.ok(x + w <= 24, title);
      for (let at = 0; at < w * h; at += 1) {
        const cell = `${x + (at % w)},${y + Math.floor(at / w)}`;
        assert.ok(!taken.has(cell), `${title} lies upon another panel`);
        taken.add(cell);
      }
    }
    const height = Math.max(...dashboard.panels.map((/** @type {any} */ { gridPos: { y, h } }) => y + h));
    assert.equal(taken.size, 24 * height, "a line of panels is not 24 wide");
  });

  test(`${name}: nodes can be chosen, and every panel of nodes heeds the choice`, () => {
    const variables = dashboard.templating.list.map((/** @type {any} */ each) => each.name);
    assert.ok(variables.includes("node"));
    for (const { title, targets } of panels(dashboard)) {
      for (const { expr } of targets) {
        for (const [selector] of expr.matchAll(/chorus_\w+(\{[^}]*\})?/g)) assert.match(selector, /instance=~"\$node"/, title);
        for (const [, used] of expr.matchAll(/\$(\w+)/g)) {
          assert.ok(["__rate_interval", "__range", ...variables].includes(used), `${title}: there is no variable ${used}`);
        }
      }
    }
  });
}

test("data sources are those that are provisioned, and the home dashboard is there", () => {
  const { datasources } = parse(read("deploy/grafana/provisioning/datasources/prometheus.yml"));
  const known = datasources.map((/** @type {any} */ { uid }) => uid);
  for (const dashboard of Object.values(dashboards())) {
    for (const { title, datasource } of panels(dashboard)) assert.ok(known.includes(datasource.uid), title);
    for (const { name, datasource } of dashboard.annotations.list) assert.ok(known.includes(datasource.uid), name);
  }
  const { grafana } = parse(read("docker-compose.yml"), { merge: true }).services;
  const home = grafana.environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH;
  assert.ok(readdirSync(FOLDER).includes(home.replace("/etc/grafana/dashboards/", "")), home);
});

test("panels name k6's series as the scripts' metrics become them", () => {
  const declared = read("loadtest/lib/metrics.js").matchAll(/new (Counter|Rate|Trend)\("(\w+)"/g);
  /** @type {Record<string, string[]>} */
  const ends = { Counter: ["_total"], Rate: ["_rate"], Trend: ["_p50", "_p95", "_p99", "_max"] };
  const known = [...declared].flatMap(([, kind, metric]) => (ends[String(kind)] ?? []).map((end) => `k6_${metric}${end}`));
  const stats = parse(read("docker-compose.yml"), { merge: true }).services.k6.environment.K6_PROMETHEUS_RW_TREND_STATS;
  assert.equal(stats.replaceAll(/p\((\d+)\)/g, "p$1"), "p50,p95,p99,max");
  for (const { from, expr } of ofPanels()) {
    for (const name of metricsIn(expr)) {
      assert.ok(!name.startsWith("k6_") || ["k6_vus", ...known].includes(name), `${from}: ${name}`);
    }
  }
});

// @ts-check
/** The alerts: each has a runbook entry, and promtool tests each firing and quiet. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { alerts } from "./expressions.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FOLDER = `${ROOT}deploy/prometheus/`;

/** @param {string[]} args */
function promtool(...args) {
  try {
    return execFileSync("promtool", args, { cwd: FOLDER, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    const { code, stdout, stderr } = /** @type {any} */ (error);
    if (code === "ENOENT") throw new Error("promtool is not installed: run tests/prepare");
    throw new Error(`promtool ${args.join(" ")}\n${stdout}${stderr}`);
  }
}

/** The anchor of a Markdown heading. @param {string} heading */
function anchor(heading) {
  return heading.toLowerCase().replace(/[^a-z0-9 -]/g, "").replaceAll(" ", "-");
}

test("promtool finds the configuration and its rules valid, and passes their tests", () => {
  promtool("check", "config", "--lint-fatal", "prometheus.yml");
  promtool("check", "rules", "--lint=all", "--lint-fatal", "alerts.yml");
  promtool("test", "rules", "alerts_test.yml");
});

test("each alert is tested firing and quiet", () => {
  const { tests } = parse(readFileSync(`${FOLDER}alerts_test.yml`, "utf8"));
  const cases = tests.flatMap((/** @type {any} */ each) => each.alert_rule_test);
  const shown = (/** @type {boolean} */ fires) => new Set(cases.flatMap((/** @type {any} */ { alertname, exp_alerts: expected }) =>
    (0 < expected.length === fires ? [alertname] : [])));
  const names = alerts().map(({ name }) => name).sort();
  assert.deepEqual([...shown(true)].sort(), names);
  assert.deepEqual([...shown(false)].sort(), names);
});

test("each alert says what it is, how urgent, and what to do in docs/OPERATIONS.md", () => {
  const headings = readFileSync(`${ROOT}docs/OPERATIONS.md`, "utf8").split("\n").filter((line) => line.startsWith("#"));
  const known = headings.map((line) => `docs/OPERATIONS.md#${anchor(line.replace(/^#+ /, ""))}`);
  for (const { name, labels, annotations } of alerts()) {
    assert.match(labels.severity, /^(page|ticket)$/, name);
    assert.ok(annotations.summary && annotations.description, name);
    assert.ok(known.includes(annotations.runbook), `${name}: no entry ${annotations.runbook}`);
  }
});

test("docs/OPERATIONS.md lists every alert, with its entry", () => {
  const rows = readFileSync(`${ROOT}docs/OPERATIONS.md`, "utf8").matchAll(/^\| `(\w+)` \| (page|ticket) \| .* \| \[.*\]\((#[\w-]+)\) \|$/gm);
  assert.deepEqual([...rows].map(([, name, severity, entry]) => `${name} ${severity} ${entry}`),
    alerts().map(({ name, labels, annotations }) => `${name} ${labels.severity} ${annotations.runbook.replace("docs/OPERATIONS.md", "")}`));
});

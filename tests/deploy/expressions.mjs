// @ts-check
/**
 * Collects the deployed PromQL expressions of panels and alerts.
 *
 * @typedef {{ from: string, expr: string, legend: string, instant: boolean }} Expression `from`: its dashboard and panel.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

const DEPLOY = fileURLToPath(new URL("../../deploy/", import.meta.url));

/** The dashboards by file name. @returns {Record<string, any>} */
export function dashboards() {
  const folder = `${DEPLOY}grafana/dashboards/`;
  return Object.fromEntries(readdirSync(folder).sort().map((file) =>
    [file.replace(/\.json$/, ""), JSON.parse(readFileSync(folder + file, "utf8"))]));
}

/** The panels of a dashboard, without row headings. @param {any} dashboard @returns {any[]} */
export function panels({ panels: all }) {
  return all.filter((/** @type {any} */ { type }) => type !== "row");
}

/** @returns {Expression[]} */
export function ofPanels() {
  return Object.entries(dashboards()).flatMap(([name, dashboard]) => panels(dashboard).flatMap(({ title, targets }) =>
    targets.map((/** @type {any} */ { expr, legendFormat: legend, instant = false }) =>
      ({ from: `${name}: ${title}`, expr, legend: legend ?? "", instant }))));
}

/** @returns {{ name: string, expr: string, labels: { severity: string }, annotations: Record<"summary" | "description" | "runbook", string> }[]} */
export function alerts() {
  const { groups } = parse(readFileSync(`${DEPLOY}prometheus/alerts.yml`, "utf8"));
  return groups.flatMap((/** @type {any} */ { rules }) => rules).map((/** @type {any} */ { alert, ...rule }) => ({ name: alert, ...rule }));
}

/**
 * The left side of an alert's comparison, which has data even while the alert is quiet.
 *
 * @param {string} expr
 */
export function leftSide(expr) {
  const found = /^(.+) (==|<|>|<=|>=) [0-9.]+$/s.exec(expr.trim());
  if (!found) throw new Error(`the expression does not end in a comparison with a number: ${expr}`);
  return String(found[1]);
}

/** The metrics in an expression, with histograms under their base name. @param {string} expr */
export function metricsIn(expr) {
  return new Set([...expr.matchAll(/\b(?:chorus|k6)_\w+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, "")));
}

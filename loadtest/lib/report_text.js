// @ts-check
/** Renders the summary as text. Pure. */
import { grouped, time } from "./summary.js";

/**
 * @param {import("./summary.js").Summary} summary
 * @param {{ url: string, replicas: number, transport: string }} settings
 */
export function text(summary, settings) {
  const { scenario, passed, seconds, judgements, counts } = summary;
  const failed = summary.thresholds.filter(({ ok }) => !ok);
  return [
    "",
    `  ${passed ? "PASSED" : "FAILED"}  ${scenario}, ${seconds.toFixed(1)} s against ${settings.url}`,
    "",
    `  ${grouped(counts.verdicts ?? 0)} clients judged, each message of each client:`,
    `    ${judgements.map(({ name, value }) => `${name} ${value}`).join("   ")}`,
    "",
    ...matrix(summary),
    ...trends(summary),
    `  ${Object.entries(counts).map(([name, count]) => `${name} ${grouped(count)}`).join("   ")}`,
    "",
    failed.length === 0
      ? `  all ${summary.thresholds.length} thresholds passed`
      : `  ${failed.length} of ${summary.thresholds.length} thresholds failed:`,
    ...failed.map(({ metric, rule, value }) => `    ${metric}: ${rule}, but the value is ${value}`),
    "",
  ].join("\n");
}

/** @param {import("./summary.js").Summary} summary */
function matrix({ nodes, names, matrix: cells }) {
  if (nodes.length === 0) return [];
  const WIDTH = 20;
  const row = (/** @type {string} */ from) => nodes.map((to) => {
    const cell = cells.find((one) => one.from === from && one.to === to);
    const p95 = cell?.p95 === null || cell?.p95 === undefined ? "" : ` (${time(cell.p95)})`;
    return `${grouped(cell?.count ?? 0)}${p95}`.padStart(WIDTH);
  }).join("");
  return [
    "  deliveries from the storing node (rows) to the delivering node (columns), with p95 latency:",
    `    ${"".padEnd(8)}${nodes.map((to) => `node ${to}`.padStart(WIDTH)).join("")}`,
    ...nodes.map((from) => `    ${`node ${from}`.padEnd(8)}${row(from)}`),
    ...(names.length ? [`    ${names.map((name, at) => `node ${at}: ${name}`).join(", ")}`] : []),
    "",
  ];
}

/** @param {import("./summary.js").Summary} summary */
function trends({ trends: all }) {
  const stats = ["med", "p(95)", "p(99)", "max"];
  return [
    `    ${"".padEnd(28)}${stats.map((stat) => stat.padStart(10)).join("")}`,
    ...all.map(({ name, p }) => `    ${name.padEnd(28)}${stats.map((stat) => time(p[stat] ?? 0).padStart(10)).join("")}`),
    "",
  ];
}

// @ts-check
/** Renders the summary as a self-contained HTML page without scripts or external files. Pure. */
import { grouped, time } from "./summary.js";

const STYLE = `
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1a1f29;--soft:#667085;--line:#e4e7ec;--good:#12805c;--bad:#c4320a;--heat:37,99,235}
@media(prefers-color-scheme:dark){:root{--bg:#0f1319;--card:#181d26;--ink:#e6e9ef;--soft:#98a2b3;--line:#2a3140;--good:#4ade9f;--bad:#ff8a65;--heat:96,150,255}}
*{box-sizing:border-box}body{margin:0;padding:32px 20px 64px;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:960px;margin:auto}header{display:flex;align-items:center;gap:16px;flex-wrap:wrap}h1{font-size:24px;margin:0}
h2{font-size:16px;margin:0 0 12px}.badge{padding:4px 12px;border-radius:99px;font-weight:600;color:var(--card)}.badge.good{background:var(--good)}.badge.bad{background:var(--bad)}
.soft{color:var(--soft)}section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px;margin-top:16px;overflow-x:auto}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px}.tile{border:1px solid var(--line);border-radius:10px;padding:12px 16px}
.tile b{display:block;font-size:28px;line-height:1.2;font-variant-numeric:tabular-nums}.good b,td.good{color:var(--good)}.bad b,td.bad{color:var(--bad)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:right;padding:6px 12px;border-bottom:1px solid var(--line)}
th{font-weight:500;color:var(--soft)}th:first-child,td:first-child{text-align:left}tr:last-child td{border-bottom:0}
.matrix td,.matrix th{text-align:center}.matrix td.cell{border:4px solid var(--card);border-radius:10px;padding:12px}.cell small{display:block;color:var(--soft)}
.cell.none{outline:2px solid var(--bad);outline-offset:-5px}code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}.rules td:nth-child(2){text-align:left}`;

/** @param {unknown} value */
function escaped(value) {
  return String(value).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

/**
 * @param {import("./summary.js").Summary} summary
 * @param {{ url: string, replicas: number, transport: string }} settings
 */
export function html(summary, settings) {
  const { scenario, passed, seconds, counts } = summary;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,"><title>${escaped(scenario)}: ${passed ? "passed" : "failed"}</title><style>${STYLE}</style>
<main>
<header><h1>${escaped(scenario)}</h1><span class="badge ${passed ? "good" : "bad"}">${passed ? "passed" : "failed"}</span>
<span class="soft">${seconds.toFixed(1)} s against ${escaped(settings.url)}, ${settings.replicas} replicas, ${escaped(settings.transport)}</span></header>
<section><h2>${grouped(counts.verdicts ?? 0)} clients judged, message by message</h2><div class="tiles">${tiles(summary)}</div></section>
${matrix(summary)}
<section><h2>Latencies</h2>${trends(summary)}</section>
<section><h2>Thresholds</h2>${rules(summary)}</section>
</main></html>
`;
}

/** @param {import("./summary.js").Summary} summary */
function tiles({ judgements, counts }) {
  const judged = judgements.map(({ name, value, ok }) => tile(name, grouped(Number(value)), ok ? "good" : "bad"));
  const counted = Object.entries(counts).filter(([name]) => name !== "verdicts")
    .map(([name, count]) => tile(name.replace(/_/g, " "), grouped(count), ""));
  return [...judged, ...counted].join("");
}

/** @param {string} name @param {string} value @param {string} kind */
function tile(name, value, kind) {
  return `<div class="tile ${kind}"><b>${escaped(value)}</b><span class="soft">${escaped(name)}</span></div>`;
}

/** @param {import("./summary.js").Summary} summary */
function matrix({ nodes, names, matrix: cells }) {
  if (nodes.length === 0) return "";
  const most = Math.max(1, ...cells.map(({ count }) => count));
  const cell = (/** @type {string} */ from, /** @type {string} */ to) => {
    const { count = 0, p95 = null } = cells.find((one) => one.from === from && one.to === to) ?? {};
    const heat = (0.08 + 0.4 * (count / most)).toFixed(2);
    return `<td class="cell${count ? "" : " none"}" style="background:rgba(var(--heat),${heat})">${grouped(count)}` +
      `<small>${p95 === null ? "none live" : `p95 ${time(p95)}`}</small></td>`;
  };
  const rows = nodes.map((from) => `<tr><th>from node ${from}</th>${nodes.map((to) => cell(from, to)).join("")}</tr>`);
  return `<section><h2>Deliveries, node to node</h2><p class="soft">From the node that stored a message to the node that delivered it${
    names.length ? `; ${names.map((name, at) => `node ${at} is ${escaped(name)}`).join(", ")}` : ""}.</p>
<table class="matrix"><tr><th></th>${nodes.map((to) => `<th>to node ${to}</th>`).join("")}</tr>${rows.join("")}</table></section>`;
}

/** @param {import("./summary.js").Summary} summary */
function trends({ trends: all }) {
  const stats = ["count", "min", "avg", "med", "p(95)", "p(99)", "max"];
  const value = (/** @type {Record<string, number>} */ p, /** @type {string} */ stat) =>
    stat === "count" ? grouped(p.count ?? 0) : time(p[stat] ?? 0);
  const rows = all.map(({ name, p }) => `<tr><td>${escaped(name)}</td>${stats.map((stat) => `<td>${value(p, stat)}</td>`).join("")}</tr>`);
  return `<table><tr><th></th>${stats.map((stat) => `<th>${stat}</th>`).join("")}</tr>${rows.join("")}</table>`;
}

/** @param {import("./summary.js").Summary} summary */
function rules({ thresholds }) {
  const rows = thresholds.map(({ metric, rule, value, ok }) =>
    `<tr><td><code>${escaped(metric)}</code></td><td><code>${escaped(rule)}</code></td><td>${escaped(value)}</td>` +
    `<td class="${ok ? "good" : "bad"}">${ok ? "passed" : "failed"}</td></tr>`);
  return `<table class="rules"><tr><th>metric</th><th style="text-align:left">rule</th><th>value</th><th></th></tr>${rows.join("")}</table>`;
}

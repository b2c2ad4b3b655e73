// @ts-check
/**
 * Draws the dashboards for a time range, from their own queries: `npm run pictures -- --from … --to … [NAME…]`.
 *
 *     --prometheus URL    default: http://localhost:9090
 *     --from, --to        Unix seconds; default: the last half hour
 *     --out FOLDER        default: docs/img
 *
 * For readers without a Grafana at hand. Panels, layout, queries, units, colours and events are those of the
 * dashboards; only the drawing is not Grafana's.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { heat, states, timeseries } from "./charts.mjs";
import { ask, named } from "./data.mjs";
import { bars, number, table } from "./figures.mjs";
import { color, fitting, mark, text, THEME, widthOf } from "./svg.mjs";

const DASHBOARDS = fileURLToPath(new URL("../dashboards/", import.meta.url));
const [WIDTH, ROW, GAP, HEAD, TITLE] = [1_500, 32, 6, 62, 26];
/** Points per line; Grafana uses about one per pixel. */
const POINTS = 150;
const STEP_MIN_S = 5;

/** @type {Record<string, (panel: any, series: import("./charts.mjs").Named[], frame: import("./charts.mjs").Frame) => string>} */
const KINDS = { timeseries, "state-timeline": states, heatmap: heat, stat: number, bargauge: bars, table };

const now = Date.now() / 1_000;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prometheus: { type: "string", default: "http://localhost:9090" },
    from: { type: "string", default: String(now - 1_800) },
    to: { type: "string", default: String(now) },
    out: { type: "string", default: fileURLToPath(new URL("../../../docs/img/", import.meta.url)) },
  },
});
const [from, to] = [Number(values.from), Number(values.to)];
const window = { url: values.prometheus, from, to, step: Math.max(STEP_MIN_S, Math.ceil((to - from) / POINTS)) };

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
try {
  const names = 0 < positionals.length ? positionals : readdirSync(DASHBOARDS).map((file) => file.replace(".json", ""));
  for (const name of names) {
    const { svg, height } = await drawn(JSON.parse(readFileSync(`${DASHBOARDS}${name}.json`, "utf8")));
    const page = await browser.newPage({ viewport: { width: WIDTH, height } });
    await page.setContent(`<body style="margin:0;background:${THEME.page}">${svg}</body>`);
    const path = join(values.out, `${name}.png`);
    await page.screenshot({ path });
    await page.close();
    console.log(`${path}${shrunk(path) ? "" : "; install pngquant to shrink it to a third"}`);
  }
} finally {
  await browser.close();
}

/** @param {string} path @returns {boolean} False if pngquant is not installed. */
function shrunk(path) {
  const { error, status, stderr } = spawnSync("pngquant", ["--force", "--strip", "--speed", "1", "--output", path, "128", path]);
  if (error) return false;
  if (status !== 0) throw new Error(`pngquant: ${stderr}`);
  return true;
}

/** @param {any} dashboard */
async function drawn(dashboard) {
  const events = await eventsOf(dashboard);
  const rows = Math.max(...dashboard.panels.map((/** @type {any} */ { gridPos: { y, h } }) => y + h));
  const height = HEAD + rows * ROW + GAP;
  const panels = await Promise.all(dashboard.panels.map((/** @type {any} */ panel) => panelOf(panel, events)));
  const clock = (/** @type {number} */ at) => new Date(at * 1_000).toISOString().slice(0, 19).replace("T", " ");
  const head = text(16, 30, `Chorus / ${dashboard.title}`, { size: 19, fill: THEME.text, weight: 600 })
    + text(WIDTH - 16, 22, `${clock(from)} to ${clock(to)} UTC, all nodes`, { size: 12, anchor: "end", fill: THEME.text })
    + text(WIDTH - 16, 38, "drawn by deploy/grafana/pictures from the dashboard's own queries", { anchor: "end" })
    + eventNames(dashboard.annotations.list);
  const font = "font-family: Inter, 'DejaVu Sans', Helvetica, Arial, sans-serif";
  return { height, svg: mark("svg", { xmlns: "http://www.w3.org/2000/svg", width: WIDTH, height, style: `display:block;${font}` }, head + panels.join("")) };
}

/** @param {{ name: string, iconColor: string }[]} list */
function eventNames(list) {
  let x = 16;
  return list.map(({ name, iconColor }) => {
    const out = mark("path", { d: `M${x} 54l4 -7l4 7z`, fill: color(iconColor) }) + text(x + 13, 54, name);
    x += 13 + widthOf(name) + 18;
    return out;
  }).join("");
}

/** @param {any} panel @param {import("./charts.mjs").Event[]} events */
async function panelOf(panel, events) {
  const { x, y, w, h } = panel.gridPos;
  const [left, top] = [GAP + (x * (WIDTH - GAP)) / 24, HEAD + y * ROW];
  const [width, height] = [(w * (WIDTH - GAP)) / 24 - GAP, h * ROW - GAP];
  const inside = panel.type === "row"
    ? text(8, 19, `⌄  ${panel.title}`, { size: 14, fill: THEME.text, weight: 600 })
    : mark("rect", { width, height, rx: 3, fill: THEME.panel, stroke: THEME.border })
      + text(10, 18, fitting(panel.title, width - 20, 12.5), { size: 12.5, fill: THEME.text, weight: 600 })
      + mark("g", { transform: `translate(0 ${TITLE})` }, await contentOf(panel, events, width, height - TITLE - 4));
  return mark("g", { transform: `translate(${left} ${top})` }, inside);
}

/** @param {any} panel @param {import("./charts.mjs").Event[]} events @param {number} width @param {number} height */
async function contentOf(panel, events, width, height) {
  const draw = KINDS[panel.type];
  if (!draw) throw new Error(`cannot draw a panel of type ${panel.type}`);
  const asked = panel.type === "heatmap" ? { ...window, step: Math.max(window.step, 10) } : window;
  const series = (await Promise.all(panel.targets.map(async (/** @type {any} */ { expr, legendFormat, instant }) =>
    (await ask(asked, expr, instant)).map((each) => ({ ...each, name: named(legendFormat ?? "", each) }))))).flat();
  if (series.length === 0 && panel.type !== "stat") return text(width / 2, height / 2, "No data", { size: 16, anchor: "middle" });
  return draw(panel, series, { ...asked, width, height, events });
}

/** @param {any} dashboard @returns {Promise<import("./charts.mjs").Event[]>} */
async function eventsOf({ annotations: { list } }) {
  const all = await Promise.all(list.map(async (/** @type {any} */ { expr, iconColor, useValueForTime }) =>
    (await ask(window, expr)).flatMap(({ points }) => {
      const ats = useValueForTime
        ? points.map(([, value]) => value / 1_000)
        // Consecutive points are one event; keep its start.
        : points.map(([at]) => at).filter((at, index, before) => window.step * 1.5 < at - (before[index - 1] ?? 0));
      return [...new Set(ats)].filter((at) => from <= at && at <= to).map((at) => ({ at, color: color(iconColor) }));
    })));
  return all.flat();
}

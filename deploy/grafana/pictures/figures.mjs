// @ts-check
/** Draws panels without a time axis, of the range's end: large numbers, bars and tables. @typedef {import("./charts.mjs").Named} Named */
import { color, fitting, mark, path, text, THEME, widthOf } from "./svg.mjs";
import { written } from "./units.mjs";

/** The colour of the highest threshold that a value has reached. @param {any} panel @param {number} value */
function reached({ fieldConfig: { defaults: { thresholds: { steps } } } }, value) {
  const passed = steps.filter((/** @type {any} */ { value: from }) => from === null || from <= value);
  return color(passed.at(-1).color);
}

/** @param {any} panel @param {Named[]} series @param {{ width: number, height: number }} frame */
export function number(panel, series, { width, height }) {
  const { unit, noValue = "No data" } = panel.fieldConfig.defaults;
  // Series that ended earlier are not shown.
  const newest = Math.max(...series.map(({ points }) => points.at(-1)?.[0] ?? 0));
  const current = series.filter(({ points }) => points.at(-1)?.[0] === newest);
  const [first] = current;
  const value = first?.points.at(-1)?.[1];
  if (first === undefined || value === undefined) return text(width / 2, height / 2 + 6, noValue, { size: 22, anchor: "middle" });
  const shade = reached(panel, value);
  const label = panel.options.textMode === "name" ? current.map(({ name }) => name).join(", ") : written(value, unit);
  let out = "";
  if (panel.options.graphMode === "area" && 1 < first.points.length) {
    const [from, to] = [first.points[0]?.[0] ?? 0, newest];
    const most = Math.max(1e-9, ...first.points.map(([, each]) => each));
    const line = first.points.map(([at, each]) => /** @type {[number, number]} */ ([((at - from) / (to - from)) * width, height - (each / most) * height * 0.4]));
    out += mark("path", { d: `${path([[0, height], ...line, [width, height]])}Z`, fill: shade, "fill-opacity": "0.15" });
    out += mark("path", { d: path(line), fill: "none", stroke: shade, "stroke-width": 1.2 });
  }
  const size = Math.min(36, (width - 24) / (label.length * 0.6));
  return out + text(width / 2, height * 0.52, label, { size, fill: shade, anchor: "middle", weight: 600 });
}

/** @param {any} panel @param {Named[]} series @param {{ width: number, height: number }} frame */
export function bars(panel, series, { width, height }) {
  const { unit, decimals } = panel.fieldConfig.defaults;
  const most = Math.max(1, ...series.map(({ points }) => points.at(-1)?.[1] ?? 0));
  const [names, values] = [110, 56];
  const lane = (height - 8) / series.length;
  return series.map(({ name, points }, at) => {
    const value = points.at(-1)?.[1] ?? 0;
    const shown = decimals === 0 ? Math.round(value) : value;
    const y = 2 + at * lane;
    const full = width - names - values - 16;
    return text(names, y + lane / 2 + 4, fitting(name, names), { anchor: "end" })
      + mark("rect", { x: names + 8, y: y + lane * 0.15, width: full, height: lane * 0.7, fill: THEME.grid, rx: 2 })
      + mark("rect", { x: names + 8, y: y + lane * 0.15, width: (value / most) * full, height: lane * 0.7, fill: reached(panel, value), rx: 2 })
      + text(width - 8, y + lane / 2 + 4, written(shown, unit), { anchor: "end", fill: reached(panel, value) });
  }).join("");
}

/** @param {any} panel @param {Named[]} series @param {{ width: number, height: number }} frame */
export function table(panel, series, { width }) {
  const { options } = panel.transformations[0];
  const columns = Object.entries(options.indexByName).toSorted(([, a], [, b]) => a - b).map(([label]) => label);
  const lane = 28;
  // Wide enough for their contents.
  const widths = columns.map((label) => 18 + Math.max(...[options.renameByName[label], ...series.map(({ labels }) => labels[label] ?? "")].map((cell) => widthOf(cell, 12))));
  const stretch = (width - 24) / widths.reduce((sum, each) => sum + each, 0);
  const x = (/** @type {number} */ at) => 12 + stretch * widths.slice(0, at).reduce((sum, each) => sum + each, 0);
  const heading = columns.map((label, at) => text(x(at), 18, options.renameByName[label], { fill: color("blue"), size: 12, weight: 600 })).join("");
  return heading + series.map(({ labels }, row) => {
    const y = 18 + (row + 1) * lane;
    return mark("line", { x1: 8, x2: width - 8, y1: y - 19, y2: y - 19, stroke: THEME.grid })
      + columns.map((label, at) => text(x(at), y, fitting(labels[label] ?? "", stretch * (widths[at] ?? 0) - 6, 12), { fill: THEME.text, size: 12 })).join("");
  }).join("");
}

// @ts-check
/**
 * Draws panels with a time axis: lines, states and heatmaps, each with its dashboard's events.
 *
 * @typedef {import("./data.mjs").Series & { name: string }} Named
 * @typedef {{ at: number, color: string }} Event
 * @typedef {{ width: number, height: number, from: number, to: number, step: number, events: Event[] }} Frame
 */
import { color, fitting, mark, PALETTE, path, text, THEME, widthOf } from "./svg.mjs";
import { ticks, written } from "./units.mjs";

const LEFT = 68;
const RIGHT = 10;
const TIMES = 18;
const LEGEND = 16;

/** @param {Frame} frame @param {number} legendLines */
function area({ width, height, from, to }, legendLines) {
  const [top, bottom] = [6, height - TIMES - legendLines * LEGEND];
  const x = (/** @type {number} */ at) => LEFT + ((at - from) / (to - from)) * (width - LEFT - RIGHT);
  return { top, bottom, left: LEFT, right: width - RIGHT, x };
}

/** The time axis and the events. @param {Frame} frame @param {ReturnType<typeof area>} place */
function times({ from, to, events }, { top, bottom, left, right, x }) {
  const step = [5, 10, 15, 30, 60, 120, 300, 600].find((each) => (to - from) / each <= (right - left) / 62) ?? 1_800;
  let out = "";
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    const clock = new Date(at * 1_000).toISOString().slice(11, 19);
    if (left + 20 < x(at) && x(at) < right - 16) out += text(x(at), bottom + 14, clock, { anchor: "middle", size: 10 });
    out += mark("line", { x1: x(at), x2: x(at), y1: top, y2: bottom, stroke: THEME.grid, "stroke-width": 1 });
  }
  for (const event of events) {
    out += mark("line", { x1: x(event.at), x2: x(event.at), y1: top, y2: bottom, stroke: event.color, "stroke-dasharray": "3 3" });
    out += mark("path", { d: `M${x(event.at) - 4} ${bottom + 5}l4 -6l4 6z`, fill: event.color });
  }
  return out;
}

/** @param {[name: string, color: string][]} entries @param {number} width @returns {{ lines: number, draw: (y: number) => string }} */
function legend(entries, width) {
  /** @type {{ x: number, line: number, name: string, color: string }[]} */
  const placed = [];
  let [x, line] = [8, 0];
  for (const [full, shade] of entries) {
    const name = fitting(full, width - 40);
    const wide = widthOf(name) + 30;
    if (width < x + wide && 8 < x) [x, line] = [8, line + 1];
    placed.push({ x, line, name, color: shade });
    x += wide;
  }
  const lines = Math.min(line + 1, 3);
  return {
    lines,
    draw: (y) => placed.filter((each) => each.line < lines).map((each) =>
      mark("rect", { x: each.x, y: y + each.line * LEGEND + 5, width: 12, height: 3, rx: 1.5, fill: each.color })
        + text(each.x + 17, y + each.line * LEGEND + 10, each.name)).join(""),
  };
}

/** Splits a line where scrapes are missing. @param {[number, number][]} points @param {number} gap @returns {[number, number][][]} */
function segments(points, gap) {
  /** @type {[number, number][][]} */
  const all = [];
  for (const point of points) {
    const last = all.at(-1)?.at(-1);
    if (last && point[0] - last[0] <= gap) all.at(-1)?.push(point);
    else all.push([point]);
  }
  return all;
}

/** @param {any} panel @param {Named[]} series @param {Frame} frame */
export function timeseries(panel, series, frame) {
  const { unit, max: fixed, custom = {}, thresholds } = panel.fieldConfig.defaults;
  const stacked = custom.stacking?.mode === "normal";
  const overridden = new Map(panel.fieldConfig.overrides.map((/** @type {any} */ { matcher, properties }) => [matcher.options, properties]));
  const drawn = series.map(({ name, points }, at) => {
    const properties = overridden.get(name);
    const own = properties?.find((/** @type {any} */ { id }) => id === "color")?.value.fixedColor;
    return { name, points, shade: own ? color(own) : String(PALETTE[at % PALETTE.length]), dashed: Boolean(own) };
  });
  const below = new Map();
  const placed = drawn.map((each) => ({ ...each, stack: each.points.map(([at, value]) => {
    const base = stacked ? below.get(at) ?? 0 : 0;
    if (stacked) below.set(at, base + value);
    return /** @type {[number, number, number]} */ ([at, base, base + value]);
  }) }));
  const most = fixed ?? (Math.max(...placed.flatMap(({ stack }) => stack.map(([, , value]) => value))) * 1.05 || 1);
  const key = legend(drawn.map(({ name, shade }) => [name, shade]), frame.width);
  const place = area(frame, key.lines);
  const y = (/** @type {number} */ value) => place.bottom - (Math.min(value, most) / most) * (place.bottom - place.top);
  let out = "";
  for (const tick of ticks(most, unit, Math.max(2, Math.floor((place.bottom - place.top) / 34)))) {
    out += mark("line", { x1: place.left, x2: place.right, y1: y(tick), y2: y(tick), stroke: THEME.grid });
    out += text(place.left - 6, y(tick) + 4, written(tick, unit), { anchor: "end" });
  }
  out += times(frame, place);
  for (const { shade, dashed, stack } of placed) {
    for (const segment of segments(stack.map(([at], index) => [at, index]), frame.step * 1.5)) {
      const line = segment.map(([at, index]) => /** @type {[number, number]} */ ([place.x(at), y(stack[index]?.[2] ?? 0)]));
      const floor = segment.map(([at, index]) => /** @type {[number, number]} */ ([place.x(at), y(stack[index]?.[1] ?? 0)])).reverse();
      const opacity = dashed ? 0 : (custom.fillOpacity ?? 0) / 100;
      if (0 < opacity) out += mark("path", { d: `${path([...line, ...floor])}Z`, fill: shade, "fill-opacity": String(opacity) });
      out += mark("path", { d: path(line), fill: "none", stroke: shade, "stroke-width": 1.4, ...(dashed && { "stroke-dasharray": "6 4" }) });
    }
  }
  if (custom.thresholdsStyle?.mode === "dashed") {
    for (const { value, color: shade } of thresholds.steps) {
      if (value === null || most < value) continue;
      out += mark("line", { x1: place.left, x2: place.right, y1: y(value), y2: y(value), stroke: color(shade), "stroke-dasharray": "8 6" });
    }
  }
  return out + key.draw(frame.height - key.lines * LEGEND);
}

/** Merges equal consecutive values into intervals. @param {[number, number][]} points @param {number} gap */
function intervals(points, gap) {
  /** @type {{ value: number, from: number, to: number }[]} */
  const all = [];
  for (const [at, value] of points) {
    const last = all.at(-1);
    if (last && last.value === value && at - last.to <= gap) last.to = at;
    else all.push({ value, from: at, to: at });
  }
  return all;
}

/** @param {any} panel @param {Named[]} series @param {Frame} frame */
export function states(panel, series, frame) {
  const { mappings } = panel.fieldConfig.defaults;
  const known = mappings[0].options;
  const used = new Set(series.flatMap(({ points }) => points.map(([, value]) => String(value))));
  const key = legend(Object.entries(known).filter(([value]) => used.has(value))
    .map(([, { text: name, color: shade }]) => /** @type {[string, string]} */ ([name, color(shade)])), frame.width);
  const place = area(frame, key.lines);
  const names = Math.max(...series.map(({ name }) => widthOf(name))) + 16;
  const own = { ...place, left: names, x: (/** @type {number} */ at) => names + ((at - frame.from) / (frame.to - frame.from)) * (place.right - names) };
  const lane = (own.bottom - own.top) / series.length;
  const half = frame.step / 2;
  let out = times(frame, own);
  series.forEach(({ name, points }, at) => {
    const top = own.top + at * lane + lane * 0.12;
    out += text(own.left - 8, top + lane * 0.38 + 4, name, { anchor: "end" });
    for (const { value, from, to } of intervals(points, frame.step * 1.5)) {
      const [x1, x2] = [Math.max(own.left, own.x(from - half)), Math.min(own.right, own.x(to + half))];
      out += mark("rect", { x: x1, y: top, width: x2 - x1, height: lane * 0.76, fill: color(known[value]?.color ?? "text"), "fill-opacity": "0.7" });
    }
  });
  return out + key.draw(frame.height - key.lines * LEGEND);
}

/** The Turbo colour map, from blue through green and yellow to red. @param {number} share From 0 to 1. */
function turbo(share) {
  const r = 34.61 + share * (1172.33 - share * (10793.56 - share * (33300.12 - share * (38394.49 - share * 14825.05))));
  const g = 23.31 + share * (557.33 + share * (1225.33 - share * (3574.96 - share * (1073.77 + share * 707.56))));
  const b = 27.2 + share * (3211.1 - share * (15327.97 - share * (27814 - share * (22569.18 - share * 6838.66))));
  return `rgb(${[r, g, b].map((part) => Math.max(0, Math.min(255, Math.round(part)))).join(",")})`;
}

/** @param {any} panel @param {Named[]} series Cumulative buckets. @param {Frame} frame */
export function heat(panel, series, frame) {
  const { unit } = panel.options.yAxis;
  const bound = (/** @type {Named} */ { labels }) => Number((labels.le ?? "").replace("+Inf", "Infinity"));
  const buckets = series.toSorted((a, b) => bound(a) - bound(b));
  const rows = buckets.map((bucket, at) => {
    const smaller = new Map(buckets[at - 1]?.points ?? []);
    return { bound: bound(bucket), cells: bucket.points.map(([when, value]) => /** @type {[number, number]} */ ([when, value - (smaller.get(when) ?? 0)])) };
  });
  const hot = rows.map(({ cells }) => cells.some(([, value]) => 1e-6 < value));
  // One empty row on top, so that the highest bucket is visibly the highest.
  const shown = rows.slice(0, Math.min(rows.length, Math.max(hot.lastIndexOf(true) + 2, 4)));
  const most = Math.max(1e-9, ...shown.flatMap(({ cells }) => cells.map(([, value]) => value)));
  const place = area(frame, 0);
  const high = (place.bottom - place.top) / shown.length;
  const wide = place.x(frame.from + frame.step) - place.x(frame.from);
  let cells = "";
  let names = "";
  shown.forEach(({ bound: upper, cells: row }, at) => {
    const y = place.bottom - (at + 1) * high;
    names += text(place.left - 6, y + 4, Number.isFinite(upper) ? written(upper, unit) : "more", { anchor: "end" });
    for (const [when, value] of row) {
      if (value <= 1e-6) continue;
      cells += mark("rect", { x: Math.max(place.left, place.x(when) - wide), y: y + 0.5, width: wide - 0.6, height: high - 1, fill: turbo(0.08 + 0.92 * (value / most) ** 0.4) });
    }
  });
  return cells + names + times(frame, place) + text(place.right, place.top + 10, `maximum: ${written(most, "cps")}`, { anchor: "end", fill: THEME.text });
}

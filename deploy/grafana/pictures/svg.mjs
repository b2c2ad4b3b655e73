// @ts-check
/** SVG elements in the colours of Grafana's dark theme. */

export const THEME = { page: "#111217", panel: "#181b1f", border: "#2c3035", grid: "#2a2d33", text: "#ccccdc", muted: "#8e8f99" };
/** Grafana's classic palette for series. */
export const PALETTE = ["#73BF69", "#F2CC0C", "#8AB8FF", "#FF780A", "#F2495C", "#5794F2", "#B877D9", "#E0B400", "#6ED0E0", "#EF843C",
  "#C4162A", "#37872D", "#FADE2A", "#1F60C4", "#8F3BB8", "#C8F2C2", "#FFB357", "#FFA6B0", "#A352CC", "#56A64B", "#3274D9"];
/** @type {Record<string, string>} */
const NAMED = { green: "#73BF69", yellow: "#F2CC0C", red: "#F2495C", blue: "#5794F2", orange: "#FF9830", purple: "#B877D9",
  "dark-red": "#C4162A", text: THEME.text, transparent: "none" };

/** @param {string} name One of Grafana's names, or a CSS colour. */
export function color(name) {
  return NAMED[name] ?? name;
}

/** @param {number} value */
function short(value) {
  return String(Math.round(value * 10) / 10);
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

/** @param {string} name @param {Record<string, string | number>} attributes @param {string} [content] */
export function mark(name, attributes, content = "") {
  const given = Object.entries(attributes).map(([key, value]) => `${key}="${typeof value === "number" ? short(value) : escaped(value)}"`);
  return `<${name} ${given.join(" ")}>${content}</${name}>`;
}

/**
 * @param {number} x
 * @param {number} y
 * @param {string} content
 * @param {{ size?: number, fill?: string, anchor?: string, weight?: number }} [style]
 */
export function text(x, y, content, { size = 11, fill = THEME.muted, anchor = "start", weight = 400 } = {}) {
  return mark("text", { x, y, "font-size": size, fill, "text-anchor": anchor, "font-weight": weight }, escaped(content));
}

/** The approximate width of a text. @param {string} content @param {number} [size] */
export function widthOf(content, size = 11) {
  return content.length * size * 0.58;
}

/** Shortens a text to fit a width. @param {string} content @param {number} width @param {number} [size] */
export function fitting(content, width, size = 11) {
  const fits = Math.floor(width / (size * 0.62));
  return content.length <= fits ? content : `${content.slice(0, Math.max(1, fits - 1))}…`;
}

/** @param {[x: number, y: number][]} points */
export function path(points) {
  return points.map(([x, y], at) => `${at === 0 ? "M" : "L"}${short(x)} ${short(y)}`).join("");
}

// @ts-check
/** PromQL as the panels need it: of the chosen nodes, and over the window that fits the picture's width. */

/** What the variable `node` chooses. */
export const NODES = 'instance=~"$node"';

/** @param {string} metric @param {string} [where] Further matchers. */
export function of(metric, where = "") {
  return `${metric}{${[NODES, where].filter(Boolean).join(", ")}}`;
}

/** @param {string} labels `instance`, or several; "" for one sum of all. */
function by(labels) {
  return labels && ` by (${labels})`;
}

/** The level of each group. @param {string} metric @param {string} [labels] @param {string} [where] */
export function level(metric, labels = "", where = "") {
  return `sum${by(labels)} (${of(metric, where)})`;
}

/** So many a second. @param {string} metric @param {string} [labels] @param {string} [where] */
export function rate(metric, labels = "", where = "") {
  return `sum${by(labels)} (rate(${of(metric, where)}[$__rate_interval]))`;
}

/** So many in the dashboard's time range. @param {string} metric @param {string} [labels] @param {string} [where] */
export function count(metric, labels = "", where = "") {
  return `sum${by(labels)} (increase(${of(metric, where)}[$__range]))`;
}

/** What a share of a histogram's values is below. @param {number} share @param {string} metric @param {string} [labels] @param {string} [where] */
export function quantile(share, metric, labels = "", where = "") {
  return `histogram_quantile(${share}, ${rate(`${metric}_bucket`, ["le", labels].filter(Boolean).join(", "), where)})`;
}

/** Those groups that are more than 0, or one called "none". @param {string} expr @param {string} label What they are grouped by. */
export function some(expr, label) {
  return `${expr} > 0 or on () label_replace(vector(0), "${label}", "none", "", "")`;
}

/** A histogram's mean. @param {string} metric */
export function mean(metric) {
  return `${rate(`${metric}_sum`)} / ${rate(`${metric}_count`)}`;
}

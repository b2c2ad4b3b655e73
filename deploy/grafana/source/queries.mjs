// @ts-check
/** PromQL for the panels: of the chosen nodes, with rates over Grafana's rate interval. */

/** Matches the nodes chosen by the variable `node`. */
export const NODES = 'instance=~"$node"';

/** @param {string} metric @param {string} [where] Further matchers. */
export function of(metric, where = "") {
  return `${metric}{${[NODES, where].filter(Boolean).join(", ")}}`;
}

/** @param {string} labels Comma-separated labels; "" sums over everything. */
function by(labels) {
  return labels && ` by (${labels})`;
}

/** The current value of each group. @param {string} metric @param {string} [labels] @param {string} [where] */
export function level(metric, labels = "", where = "") {
  return `sum${by(labels)} (${of(metric, where)})`;
}

/** The rate per second of each group. @param {string} metric @param {string} [labels] @param {string} [where] */
export function rate(metric, labels = "", where = "") {
  return `sum${by(labels)} (rate(${of(metric, where)}[$__rate_interval]))`;
}

/** The increase of each group over the dashboard's time range. @param {string} metric @param {string} [labels] @param {string} [where] */
export function count(metric, labels = "", where = "") {
  return `sum${by(labels)} (increase(${of(metric, where)}[$__range]))`;
}

/** A quantile of a histogram. @param {number} share @param {string} metric @param {string} [labels] @param {string} [where] */
export function quantile(share, metric, labels = "", where = "") {
  return `histogram_quantile(${share}, ${rate(`${metric}_bucket`, ["le", labels].filter(Boolean).join(", "), where)})`;
}

/** The groups above 0, or a group named "none" if there are none. @param {string} expr @param {string} label The label of the groups. */
export function some(expr, label) {
  return `${expr} > 0 or on () label_replace(vector(0), "${label}", "none", "", "")`;
}

/** The mean of a histogram. @param {string} metric */
export function mean(metric) {
  return `${rate(`${metric}_sum`)} / ${rate(`${metric}_count`)}`;
}

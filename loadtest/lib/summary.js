// @ts-check
/**
 * Prepares k6's end-of-test data for the reports. Pure.
 *
 * @typedef {{ type: string, values: Record<string, number>, thresholds?: Record<string, { ok: boolean }> }} Metric
 * @typedef {{ metrics: Record<string, Metric>, state: { testRunDurationMs: number }, setup_data?: any }} SummaryData
 *
 * @typedef {object} Summary
 * @property {string} scenario
 * @property {boolean} passed
 * @property {number} seconds
 * @property {string[]} nodes Node numbers.
 * @property {string[]} names Node names in the same order; empty if k6 does not pass the data of `setup()`.
 * @property {{ from: string, to: string, count: number, p95: number | null }[]} matrix
 * @property {{ name: string, value: string, ok: boolean }[]} judgements
 * @property {{ metric: string, rule: string, value: string, ok: boolean }[]} thresholds
 * @property {{ name: string, p: Record<string, number> }[]} trends
 * @property {Record<string, number>} counts
 */

/** The judgements, with the metric of each. @type {[name: string, metric: string][]} */
const JUDGED = [
  ["lost", "messages_lost"],
  ["doubled", "messages_doubled"],
  ["out of order", "messages_inverted"],
  ["different from the log", "messages_differing"],
];

/** @type {[name: string, metric: string][]} */
const TRENDS = [
  ["delivery, sent to received", "delivery_latency"],
  ["ack, sent to stored", "ack_latency"],
  ["connect, until joined", "connect_time"],
];

const COUNTS = ["verdicts", "deliveries", "cross_node_deliveries", "messages_compared", "post_retries", "disconnects"];

/** @param {string} scenario @param {SummaryData} data @returns {Summary} */
export function summarize(scenario, { metrics, state, setup_data: setupData }) {
  const count = (/** @type {string} */ name) => metrics[name]?.values.count ?? 0;
  const rules = Object.entries(metrics).flatMap(([metric, { values, thresholds }]) =>
    Object.entries(thresholds ?? {}).map(([rule, { ok }]) => ({ metric, rule, value: valueOf(values, rule), ok })));
  const matrix = Object.keys(metrics).flatMap((name) => {
    const match = /^deliveries\{pair:(\w+)-(\w+)\}$/.exec(name);
    if (!match) return [];
    const [, from = "", to = ""] = match;
    const latency = metrics[`delivery_latency{pair:${from}-${to}}`]?.values;
    return [{ from, to, count: count(name), p95: latency?.count ? latency["p(95)"] ?? null : null }];
  });
  return {
    scenario,
    passed: rules.every(({ ok }) => ok),
    seconds: state.testRunDurationMs / 1_000,
    names: setupData?.nodes ?? [],
    nodes: [...new Set(matrix.map(({ from }) => from))].sort(),
    matrix,
    judgements: JUDGED.map(([name, metric]) => ({ name, value: String(count(metric)), ok: count(metric) === 0 })),
    thresholds: rules.sort((a, b) => Number(a.ok) - Number(b.ok) || (a.metric < b.metric ? -1 : 1)),
    trends: TRENDS.flatMap(([name, metric]) => {
      const values = metrics[metric]?.values;
      return values?.count ? [{ name, p: values }] : [];
    }),
    counts: Object.fromEntries(COUNTS.map((name) => [name, count(name)])),
  };
}

/** The value that a rule compares. @param {Record<string, number>} values @param {string} rule */
function valueOf(values, rule) {
  const key = /^\s*([a-z]+(?:\([\d.]+\))?)/.exec(rule)?.[1] ?? "";
  const value = values[key];
  return value === undefined ? "-" : short(value);
}

/** @param {number} value */
export function short(value) {
  return Number.isInteger(value) || 100 <= value ? grouped(Math.round(value)) : value.toFixed(2);
}

/** Formats 1234567 as 1,234,567, because k6's engine has no locales. @param {number} value */
export function grouped(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Formats a time. @param {number} ms */
export function time(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

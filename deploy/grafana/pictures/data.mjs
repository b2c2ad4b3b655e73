// @ts-check
/**
 * Queries Prometheus the way Grafana does for a panel.
 *
 * @typedef {{ url: string, from: number, to: number, step: number }} Window Times in Unix seconds.
 * @typedef {{ labels: Record<string, string>, points: [at: number, value: number][] }} Series
 */

/** Grafana's `$__rate_interval` for a scrape interval of 5 s: four scrapes. */
const RATE_INTERVAL = "20s";

/** Fills in the built-in variables, and chooses all values of the dashboard's. @param {string} expr @param {Window} window */
export function substituted(expr, { from, to }) {
  return expr.replaceAll("$__rate_interval", RATE_INTERVAL)
    .replaceAll("$__range", `${Math.ceil(to - from)}s`)
    .replaceAll(/"\$\w+"/g, '".*"');
}

/**
 * @param {Window} window
 * @param {string} expr
 * @param {boolean} [instant] Only the value at the window's end.
 * @returns {Promise<Series[]>} Without values that are not finite, and without series that have no others.
 */
export async function ask(window, expr, instant = false) {
  const { from, to, step } = window;
  const when = instant ? [["time", to]] : [["start", from], ["end", to], ["step", step]];
  const parameters = new URLSearchParams([["query", substituted(expr, window)], ...when.map((pair) => pair.map(String))]);
  const response = await fetch(`${window.url}/api/v1/query${instant ? "" : "_range"}?${parameters}`);
  const { status, error, data } = /** @type {any} */ (await response.json());
  if (status !== "success") throw new Error(`${error}: ${expr}`);
  return data.result.map((/** @type {any} */ { metric, value, values }) => ({
    labels: metric,
    points: (values ?? [value]).map((/** @type {[number, string]} */ [at, text]) => [at, Number(text)])
      .filter((/** @type {[number, number]} */ [, number]) => Number.isFinite(number)),
  })).filter((/** @type {Series} */ { points }) => 0 < points.length);
}

/** The name of a series. @param {string} legend With `{{label}}`s. @param {Series} series */
export function named(legend, { labels }) {
  return legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label) => labels[label] ?? "");
}

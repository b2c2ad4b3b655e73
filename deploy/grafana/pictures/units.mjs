// @ts-check
/** Formats values like Grafana, for the units that the dashboards use. */

/** @type {[from: number, factor: number, name: string][]} */
const SECONDS = [[60, 60, " min"], [1, 1, " s"], [1e-3, 1e-3, " ms"], [0, 1e-6, " µs"]];
/** @type {[from: number, factor: number, name: string][]} */
const BYTES = [[2 ** 40, 2 ** 40, " TiB"], [2 ** 30, 2 ** 30, " GiB"], [2 ** 20, 2 ** 20, " MiB"], [2 ** 10, 2 ** 10, " KiB"], [0, 1, " B"]];
/** @type {[from: number, factor: number, name: string][]} */
const COUNTS = [[1e9, 1e9, " Bil"], [1e6, 1e6, " Mil"], [1e3, 1e3, " K"], [0, 1, ""]];
/** @type {Record<string, string>} */
const RATES = { short: "", cps: " c/s", mps: " msg/s", eps: " evt/s", reqps: " req/s" };

/** @param {number} value @param {[from: number, factor: number, name: string][]} scale */
function scaled(value, scale) {
  const [, factor, name] = scale.find(([from]) => from <= Math.abs(value)) ?? [0, 1, ""];
  return digits(value / factor) + (value === 0 && name === " µs" ? " s" : name);
}

/** Rounds to three significant digits. @param {number} value */
function digits(value) {
  const places = Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return String(Number(value.toFixed(places)));
}

/** @param {number} value @param {string} unit */
export function written(value, unit) {
  if (unit === "s") return scaled(value, SECONDS);
  if (unit === "bytes") return scaled(value, BYTES);
  if (unit === "percentunit") return `${digits(value * 100)}%`;
  const name = RATES[unit];
  if (name === undefined) throw new Error(`cannot format the unit ${unit}`);
  return scaled(value, COUNTS) + name;
}

/** Round tick values of an axis that starts at 0, in the unit's own scale. @param {number} max @param {string} unit @param {number} count */
export function ticks(max, unit, count) {
  const base = unit === "bytes" ? 2 ** (10 * Math.max(0, Math.floor(Math.log2(Math.max(max, 1)) / 10))) : 1;
  const rough = max / base / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = base * power * ([1, 2, 2.5, 5, 10].find((each) => rough <= each * power) ?? 10);
  return Array.from({ length: Math.floor(max / step + 1e-9) + 1 }, (_, at) => at * step);
}

// @ts-check
/** Aggregates samples as k6 does, for each of its four kinds of metric. */

/** @typedef {"counter" | "gauge" | "rate" | "trend"} Kind */

class Counter {
  #sum = 0;
  empty = true;

  /** @param {number} value */
  add(value) {
    this.#sum += value;
    this.empty = false;
  }

  /** @param {string} key @param {number} seconds */
  value(key, seconds) {
    return key === "count" ? this.#sum : this.#sum / seconds;
  }
}

class Gauge {
  #last = 0;
  #min = Infinity;
  #max = -Infinity;
  empty = true;

  /** @param {number} value */
  add(value) {
    this.#last = value;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
    this.empty = false;
  }

  /** @param {string} key */
  value(key) {
    if (this.empty) return 0;
    return key === "min" ? this.#min : key === "max" ? this.#max : this.#last;
  }
}

class Rate {
  #passes = 0;
  #total = 0;

  /** @param {number} value */
  add(value) {
    this.#total += 1;
    if (value) this.#passes += 1;
  }

  get empty() {
    return this.#total === 0;
  }

  /** @param {string} key */
  value(key) {
    if (key === "passes") return this.#passes;
    if (key === "fails") return this.#total - this.#passes;
    return this.empty ? 0 : this.#passes / this.#total;
  }
}

class Trend {
  /** @type {number[]} */
  #values = [];
  #sorted = true;
  #sum = 0;

  /** @param {number} value */
  add(value) {
    this.#values.push(value);
    this.#sum += value;
    this.#sorted = false;
  }

  get empty() {
    return this.#values.length === 0;
  }

  /** @param {string} key */
  value(key) {
    const values = this.#ordered();
    if (key === "count") return values.length;
    if (key === "avg") return this.empty ? 0 : this.#sum / values.length;
    const named = { min: 0, med: 50, max: 100 }[key];
    return this.#percentile(named ?? Number(key.slice(2, -1)));
  }

  /** Interpolates linearly between values, as k6 does. @param {number} percent */
  #percentile(percent) {
    const values = this.#ordered();
    if (values.length === 0) return 0;
    const at = (percent / 100) * (values.length - 1);
    const below = /** @type {number} */ (values[Math.floor(at)]);
    const above = /** @type {number} */ (values[Math.ceil(at)]);
    return below + (above - below) * (at - Math.floor(at));
  }

  #ordered() {
    if (!this.#sorted) this.#values.sort((a, b) => a - b);
    this.#sorted = true;
    return this.#values;
  }
}

const KINDS = { counter: Counter, gauge: Gauge, rate: Rate, trend: Trend };

/** The aggregations that thresholds may use, by kind. */
export const METHODS = {
  counter: ["count", "rate"],
  gauge: ["value"],
  rate: ["rate"],
  trend: ["avg", "min", "max", "med", "p"],
};

/** The aggregations in the summary, by kind; `summaryTrendStats` selects those of trends. */
export const SUMMARY = { counter: ["count", "rate"], gauge: ["value", "min", "max"], rate: ["rate", "passes", "fails"] };

/** @param {Kind} kind */
export function sinkOf(kind) {
  return new KINDS[kind]();
}

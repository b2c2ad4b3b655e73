// @ts-check
/**
 * The metrics of a run, shared by all VUs, with the submetrics that thresholds name.
 *
 * @typedef {import("./sinks.mjs").Kind} Kind
 * @typedef {ReturnType<typeof import("./sinks.mjs").sinkOf>} Sink
 * @typedef {{ kind: Kind, isTime: boolean, sink: Sink, thresholds: ReturnType<typeof import("./thresholds.mjs").expression>[],
 *   subs: { tags: [string, string][], name: string }[] }} Metric
 */
import { EXIT, Failure } from "./failure.mjs";
import { sinkOf, SUMMARY } from "./sinks.mjs";
import { expression, metricName } from "./thresholds.mjs";

const TREND_STATS = ["avg", "min", "med", "max", "p(90)", "p(95)"];

export class Registry {
  /** @type {Map<string, Metric>} */
  #metrics = new Map();
  /** Gets each sample, too. @type {import("./remote_write.mjs").RemoteWrite | null} */
  #output;

  /** @param {import("./remote_write.mjs").RemoteWrite | null} output */
  constructor(output) {
    this.#output = output;
  }

  /** Declares a metric; each VU's script repeats the same declarations. @param {string} name @param {Kind} kind @param {boolean} isTime */
  declare(name, kind, isTime) {
    const known = this.#metrics.get(name);
    if (known && (known.kind !== kind || known.isTime !== isTime)) throw new Error(`metric ${name} is already declared with another type`);
    if (!known) this.#metrics.set(name, { kind, isTime, sink: sinkOf(kind), thresholds: [], subs: [] });
  }

  /** @param {string} name @param {number} value @param {Record<string, string>} tags */
  add(name, value, tags) {
    const metric = /** @type {Metric} */ (this.#metrics.get(name));
    metric.sink.add(value);
    this.#output?.add({ name, kind: metric.kind, isTime: metric.isTime }, value, tags);
    for (const { tags: wanted, name: sub } of metric.subs) {
      if (wanted.every(([key, is]) => tags[key] === is)) this.#metrics.get(sub)?.sink.add(value);
    }
  }

  /** @param {Record<string, string[]>} thresholds */
  watch(thresholds) {
    for (const [full, sources] of Object.entries(thresholds)) {
      const { name, tags } = metricName(full);
      const parent = this.#metrics.get(name);
      if (!parent) throw new Failure(EXIT.config, `a threshold names the metric ${name}, which does not exist`);
      if (0 < tags.length) {
        this.#metrics.set(full, { ...parent, sink: sinkOf(parent.kind), subs: [] });
        parent.subs.push({ tags, name: full });
      }
      const metric = /** @type {Metric} */ (this.#metrics.get(full));
      metric.thresholds = sources.map((source) => expression(source, parent.kind));
    }
  }

  /**
   * The metrics for `handleSummary`: those with samples or thresholds. A metric without samples is 0,
   * so `count>0` fails.
   *
   * @param {number} seconds
   * @param {string[]} [trendStats]
   */
  summary(seconds, trendStats = TREND_STATS) {
    /** @type {Record<string, { type: Kind, contains: string, values: Record<string, number>, thresholds?: Record<string, { ok: boolean }> }>} */
    const all = {};
    for (const [name, { kind, isTime, sink, thresholds }] of this.#metrics) {
      if (sink.empty && thresholds.length === 0) continue;
      const keys = kind === "trend" ? trendStats : SUMMARY[kind];
      const values = Object.fromEntries(keys.map((key) => [key, sink.value(key, seconds)]));
      all[name] = { type: kind, contains: isTime ? "time" : "default", values };
      if (thresholds.length === 0) continue;
      all[name].thresholds = Object.fromEntries(thresholds.map(({ source, key, holds }) =>
        [source, { ok: holds(sink.value(key, seconds)) }]));
    }
    return all;
  }
}

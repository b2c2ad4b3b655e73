// @ts-check
/** The k6 modules that scripts may import: those that the scripts of this folder use. */
import { http } from "./http.mjs";
import { websockets } from "./websockets.mjs";

/**
 * @param {import("./vu.mjs").Vu} vu
 * @param {import("./test.mjs").World} world
 * @returns {Record<string, Record<string, unknown>>} Exports, by module.
 */
export function modulesOf(vu, world) {
  const requests = http(vu, world);
  const execution = { vu: vu.execution };
  const timers = timersOf(vu);
  return {
    "k6/http": { ...requests, default: requests },
    "k6/websockets": websockets(vu, world),
    "k6/metrics": metricsOf(vu, world),
    "k6/execution": { ...execution, default: execution },
    "k6/timers": timers,
  };
}

/** @param {import("./vu.mjs").Vu} vu */
function timersOf(vu) {
  /** @type {Map<number, () => void>} */
  const running = new Map();
  let last = 0;
  /** @param {() => void} then @param {number} ms */
  function later(then, ms) {
    vu.assertRuns("a timer");
    const id = (last += 1);
    const end = () => {
      clearTimeout(timer);
      running.delete(id);
    };
    const timer = setTimeout(() => {
      end();
      vu.turn(then);
      release();
    }, ms);
    const release = vu.hold(end);
    running.set(id, () => {
      end();
      release();
    });
    return id;
  }
  return { setTimeout: later, clearTimeout: (/** @type {number} */ id) => running.get(id)?.() };
}

/** @param {import("./vu.mjs").Vu} vu @param {import("./test.mjs").World} world */
function metricsOf(vu, { registry }) {
  /** @param {import("./sinks.mjs").Kind} kind */
  const metric = (kind) => class {
    /** @param {string} name @param {boolean} [isTime] */
    constructor(name, isTime = false) {
      if (vu.runs) throw new Error("metrics must be declared in the init context");
      registry.declare(name, kind, isTime);
      this.name = name;
    }

    /** @param {number | boolean} value @param {Record<string, string>} [tags] */
    add(value, tags) {
      vu.assertRuns("a sample");
      if (!Number.isFinite(Number(value))) throw new Error(`${value} is an invalid value for metric ${this.name}`);
      registry.add(this.name, Number(value), { ...vu.tags, ...tags });
    }
  };
  return { Counter: metric("counter"), Gauge: metric("gauge"), Rate: metric("rate"), Trend: metric("trend") };
}

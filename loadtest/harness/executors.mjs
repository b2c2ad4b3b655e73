// @ts-check
/** The k6 executors that the scripts use: `per-vu-iterations` and `ramping-vus`. */
import { setTimeout as pause } from "node:timers/promises";
import { milliseconds } from "./duration.mjs";
import { EXIT, Failure } from "./failure.mjs";
import { Interrupted } from "./vu.mjs";

const STEP_MS = 50;
const GRACE = "30s";

/**
 * @typedef {object} Scenario
 * @property {string} executor
 * @property {string} [exec]
 * @property {string} [startTime]
 * @property {string} [gracefulStop]
 * @property {number} [vus]
 * @property {number} [iterations]
 * @property {string} [maxDuration]
 * @property {number} [startVUs]
 * @property {{ duration: string, target: number }[]} [stages]
 * @property {string} [gracefulRampDown]
 *
 * @typedef {(vu: import("./vu.mjs").Vu) => Promise<void>} Iterate Runs one iteration; never rejects.
 */

/** The number of VUs that a scenario needs. @param {Scenario} scenario */
export function vusOf(scenario) {
  if (scenario.executor === "per-vu-iterations") return scenario.vus ?? 1;
  if (scenario.executor !== "ramping-vus") throw new Failure(EXIT.config, `this harness does not support the executor ${scenario.executor}`);
  return Math.max(scenario.startVUs ?? 1, ...(scenario.stages ?? []).map(({ target }) => target));
}

/** @param {Scenario} scenario @param {import("./vu.mjs").Vu[]} vus @param {Iterate} iterate */
export async function execute(scenario, vus, iterate) {
  await pause(milliseconds(scenario.startTime ?? "0s"));
  if (scenario.executor === "per-vu-iterations") await perVu(scenario, vus, iterate);
  else await ramping(scenario, vus, iterate);
}

/** @param {Scenario} scenario @param {import("./vu.mjs").Vu[]} vus @param {Iterate} iterate */
async function perVu({ iterations = 1, maxDuration = "10m", gracefulStop = GRACE }, vus, iterate) {
  const endAt = Date.now() + milliseconds(maxDuration);
  const interrupt = interruptAt(endAt + milliseconds(gracefulStop), vus);
  await Promise.all(vus.map(async (vu) => {
    for (let n = 0; n < iterations && Date.now() < endAt; n += 1) await iterate(vu);
  }));
  clearTimeout(interrupt);
}

/** @param {Scenario} scenario @param {import("./vu.mjs").Vu[]} vus @param {Iterate} iterate */
async function ramping({ startVUs = 1, stages = [], gracefulRampDown = GRACE, gracefulStop = GRACE }, vus, iterate) {
  const target = targetOf(startVUs, stages);
  const startedAt = Date.now();
  /** @type {Map<number, Promise<void>>} */
  const busy = new Map();
  for (let wanted = target(0); wanted !== null; wanted = target(Date.now() - startedAt)) {
    vus.forEach((vu, at) => {
      if (Number(wanted) <= at || busy.has(at)) return;
      busy.set(at, iterate(vu).finally(() => busy.delete(at)));
    });
    await pause(STEP_MS);
  }
  const interrupt = interruptAt(Date.now() + Math.max(milliseconds(gracefulRampDown), milliseconds(gracefulStop)), vus);
  await Promise.all(busy.values());
  clearTimeout(interrupt);
}

/** @param {number} from @param {{ duration: string, target: number }[]} stages @returns {(ms: number) => number | null} */
function targetOf(from, stages) {
  return (ms) => {
    let [before, startMs] = [from, 0];
    for (const { duration, target } of stages) {
      const lastsMs = milliseconds(duration);
      if (ms < startMs + lastsMs) return Math.floor(before + (target - before) * ((ms - startMs) / lastsMs));
      [before, startMs] = [target, startMs + lastsMs];
    }
    return null;
  };
}

/** @param {number} at @param {import("./vu.mjs").Vu[]} vus */
function interruptAt(at, vus) {
  // setTimeout's limit is 24 days.
  return setTimeout(() => vus.forEach((vu) => vu.interrupt()), Math.min(at - Date.now(), 2 ** 31 - 1));
}

/** @param {unknown} error */
export function isInterrupt(error) {
  return error instanceof Interrupted;
}

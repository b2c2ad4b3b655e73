// @ts-check
/**
 * The number of clients grows: shows where latency starts to rise, and that nothing is lost.
 *
 *     k6 run -e CLIENTS=500 -e UP=2m loadtest/ramp.js
 *
 * Each client runs for LIFE and is then judged and replaced by a new one, while the number of clients
 * climbs for UP, holds for HOLD, and falls.
 */
import exec from "k6/execution";
import { roomOf, runClient } from "./lib/client.js";
import { thresholds, TREND_STATS } from "./lib/metrics.js";
import { common, duration, number } from "./lib/options.js";
import { report } from "./lib/report.js";
import { prepare } from "./lib/setup.js";

const clients = number("CLIENTS", 200, 2);
const upMs = duration("UP", "60s");
const holdMs = duration("HOLD", "30s");
const lifeMs = duration("LIFE", "20s");
/** Lets every client finish: an interrupted one would not be judged. */
const grace = `${Math.ceil((lifeMs + 2 * common.settleMs) / 1_000) + 60}s`;

export const options = {
  scenarios: {
    ramp: {
      executor: "ramping-vus",
      startVUs: 0,
      stages: [
        { duration: `${upMs}ms`, target: clients },
        { duration: `${holdMs}ms`, target: clients },
        { duration: `${Math.ceil(upMs / 4)}ms`, target: 0 },
      ],
      gracefulRampDown: grace,
      gracefulStop: grace,
    },
  },
  thresholds: thresholds({ replicas: common.replicas, p95Ms: number("P95_MS", 1_000), p99Ms: number("P99_MS", 3_000) }),
  summaryTrendStats: TREND_STATS,
};

export const setup = prepare;

/** @param {import("./lib/client.js").SetupData} data */
export default async function main(data) {
  const { idInTest, iterationInInstance } = exec.vu;
  await runClient(data, { sender: `r${idInTest}-${iterationInInstance}`, room: roomOf(data, idInTest - 1), forMs: lifeMs });
}

/** @param {any} data */
export function handleSummary(data) {
  return report("ramp", data);
}

// @ts-check
/**
 * More and more clients: where does delivery begin to be late? Nothing may be lost on the way.
 *
 *     k6 run -e CLIENTS=500 -e UP=2m loadtest/ramp.js
 *
 * Clients live for LIFE and are judged each; new ones take their places while the number climbs,
 * stays for HOLD, and falls.
 */
import exec from "k6/execution";
import { live, roomOf } from "./lib/member.js";
import { thresholds, TREND_STATS } from "./lib/metrics.js";
import { common, duration, number } from "./lib/options.js";
import { report } from "./lib/report.js";
import { prepare } from "./lib/setup.js";

const clients = number("CLIENTS", 200, 2);
const upMs = duration("UP", "60s");
const holdMs = duration("HOLD", "30s");
const lifeMs = duration("LIFE", "20s");
/** A life that was begun is lived to its end: an interrupted client would not be judged. */
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

/** @param {import("./lib/member.js").SetupData} data */
export default async function main(data) {
  const { idInTest, iterationInInstance } = exec.vu;
  await live(data, { sender: `r${idInTest}-${iterationInInstance}`, room: roomOf(data, idInTest - 1), forMs: lifeMs });
}

/** @param {any} data */
export function handleSummary(data) {
  return report("ramp", data);
}

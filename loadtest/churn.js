// @ts-check
/**
 * Clients lose their connections all the time and come back to any node by their cursors: what they
 * missed comes, then live traffic, with no gap, repeat or inversion. Kill nodes meanwhile, too.
 *
 *     k6 run -e EVERY=5s -e AWAY=3s loadtest/churn.js
 */
import { thresholds, TREND_STATS } from "./lib/metrics.js";
import { common, duration, number } from "./lib/options.js";
import { report } from "./lib/report.js";
import { liveFromRamp, once } from "./lib/scenario.js";
import { prepare } from "./lib/setup.js";

const clients = number("CLIENTS", 60, 2);
const forMs = duration("DURATION", "60s");
const rampMs = duration("RAMP", "5s");
const drops = { everyMs: duration("EVERY", "8s"), awayMs: duration("AWAY", "3s") };

export const options = {
  scenarios: { clients: once(clients, rampMs + forMs) },
  thresholds: {
    // A killed node's messages are live for nobody, and late: the matrix is not the point here.
    ...thresholds({
      replicas: common.replicas,
      clients,
      p95Ms: number("P95_MS", 1_000),
      p99Ms: number("P99_MS", 5_000),
      matrix: false,
    }),
    recovered: ["rate==1"],
    disconnects: ["count>0"],
    "deliveries{via:page}": ["count>0"],
  },
  summaryTrendStats: TREND_STATS,
};

export const setup = prepare;

/** @param {import("./lib/member.js").SetupData} data */
export default async function main(data) {
  await liveFromRamp(data, rampMs, { forMs, drops });
}

/** @param {any} data */
export function handleSummary(data) {
  return report("churn", data);
}

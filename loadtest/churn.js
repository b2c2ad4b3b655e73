// @ts-check
/**
 * Clients keep losing their connections and recover on any node from their cursors: they get what they
 * missed, then live traffic, without a gap, repeat or inversion. Kill nodes during the run, too.
 *
 *     k6 run -e EVERY=5s -e AWAY=3s loadtest/churn.js
 */
import { thresholds, TREND_STATS } from "./lib/metrics.js";
import { common, duration, number } from "./lib/options.js";
import { report } from "./lib/report.js";
import { runAfterRamp, once } from "./lib/scenario.js";
import { prepare } from "./lib/setup.js";

const clients = number("CLIENTS", 60, 2);
const forMs = duration("DURATION", "60s");
const rampMs = duration("RAMP", "5s");
const drops = { everyMs: duration("EVERY", "8s"), awayMs: duration("AWAY", "3s") };

export const options = {
  scenarios: { clients: once(clients, rampMs + forMs) },
  thresholds: {
    // After a node was killed, pairs with it may deliver nothing live, so the pairs have no thresholds here.
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

/** @param {import("./lib/client.js").SetupData} data */
export default async function main(data) {
  await runAfterRamp(data, rampMs, { forMs, drops });
}

/** @param {any} data */
export function handleSummary(data) {
  return report("churn", data);
}

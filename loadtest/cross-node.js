// @ts-check
/**
 * Every message reaches every client on every node, once and in order.
 *
 *     k6 run loadtest/cross-node.js        # URL, REPLICAS, CLIENTS, DURATION, …: see README.md
 *
 * The balancer spreads the clients of a room over the replicas, and all of them send. The run fails
 * if a client did not receive everything that the log holds, or if an ordered pair of nodes delivered
 * nothing.
 */
import { thresholds, TREND_STATS } from "./lib/metrics.js";
import { common, duration, number } from "./lib/options.js";
import { report } from "./lib/report.js";
import { runAfterRamp, once } from "./lib/scenario.js";
import { prepare } from "./lib/setup.js";

const clients = number("CLIENTS", 60, 2);
const forMs = duration("DURATION", "30s");
/** The clients connect during this time. */
const rampMs = duration("RAMP", "5s");

export const options = {
  scenarios: { clients: once(clients, rampMs + forMs) },
  thresholds: thresholds({
    replicas: common.replicas,
    clients,
    p95Ms: number("P95_MS", 500),
    p99Ms: number("P99_MS", 1_000),
  }),
  summaryTrendStats: TREND_STATS,
};

export const setup = prepare;

/** @param {import("./lib/client.js").SetupData} data */
export default async function main(data) {
  await runAfterRamp(data, rampMs, { forMs });
}

/** @param {any} data */
export function handleSummary(data) {
  return report("cross-node", data);
}

// @ts-check
/**
 * Hours of ordinary traffic with occasional lost connections: reveals leaks, and nothing may be lost.
 *
 *     k6 run -e DURATION=4h loadtest/soak.js
 *
 * Watch the nodes' memory and open files in Grafana. The scripts' own memory is bounded.
 */
import { thresholds, TREND_STATS } from "./lib/metrics.js";
import { common, duration, number } from "./lib/options.js";
import { report } from "./lib/report.js";
import { runAfterRamp, once } from "./lib/scenario.js";
import { prepare } from "./lib/setup.js";

const clients = number("CLIENTS", 100, 2);
const forMs = duration("DURATION", "2h");
const rate = number("RATE", 0.2, 0.01);
const drops = { everyMs: duration("EVERY", "10m"), awayMs: duration("AWAY", "10s") };
const rampMs = duration("RAMP", "30s");

export const options = {
  scenarios: { clients: once(clients, rampMs + forMs) },
  thresholds: {
    ...thresholds({
      replicas: common.replicas,
      clients,
      p95Ms: number("P95_MS", 500),
      p99Ms: number("P99_MS", 1_500),
    }),
    recovered: ["rate==1"],
  },
  summaryTrendStats: TREND_STATS,
};

export const setup = prepare;

/** @param {import("./lib/client.js").SetupData} data */
export default async function main(data) {
  await runAfterRamp(data, rampMs, { forMs, rate, drops });
}

/** @param {any} data */
export function handleSummary(data) {
  return report("soak", data);
}

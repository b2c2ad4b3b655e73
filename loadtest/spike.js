// @ts-check
/**
 * Many clients arrive at once, as after an outage, while others are connected already: neither may lose
 * anything.
 *
 *     k6 run -e CLIENTS=60 -e CROWD=300 loadtest/spike.js
 */
import exec from "k6/execution";
import { jitter, pause } from "./lib/clock.js";
import { roomOf, runClient } from "./lib/client.js";
import { thresholds, TREND_STATS } from "./lib/metrics.js";
import { common, duration, number } from "./lib/options.js";
import { report } from "./lib/report.js";
import { once } from "./lib/scenario.js";
import { prepare } from "./lib/setup.js";

const clients = number("CLIENTS", 60, 2);
const crowd = number("CROWD", 240, 1);
const forMs = duration("DURATION", "45s");
const crowdMs = duration("CROWD_FOR", "15s");

export const options = {
  scenarios: {
    residents: once(clients, forMs),
    crowd: { ...once(crowd, forMs), exec: "arrive", startTime: `${Math.ceil(forMs / 3)}ms` },
  },
  thresholds: {
    ...thresholds({
      replicas: common.replicas,
      clients: clients + crowd,
      p95Ms: number("P95_MS", 2_000),
      p99Ms: number("P99_MS", 5_000),
    }),
    connect_time: [`p(95)<${number("CONNECT_P95_MS", 5_000)}`],
  },
  summaryTrendStats: TREND_STATS,
};

export const setup = prepare;

/** @param {import("./lib/client.js").SetupData} data */
export default async function main(data) {
  await pause(jitter(2_000));
  await join(data, "resident", forMs);
}

/** Clients that arrive at the same moment. @param {import("./lib/client.js").SetupData} data */
export async function arrive(data) {
  await join(data, "crowd", crowdMs);
}

/** @param {import("./lib/client.js").SetupData} data @param {string} kind @param {number} ms */
async function join(data, kind, ms) {
  const id = exec.vu.idInTest;
  // Residents and crowd share the rooms: ids are spread over them in turn.
  const rooms = Math.max(1, Math.ceil((clients + crowd) / common.roomSize));
  await runClient(data, { sender: `${kind}${id}`, room: roomOf(data, (id % rooms) * common.roomSize), forMs: ms });
}

/** @param {any} data */
export function handleSummary(data) {
  return report("spike", data);
}

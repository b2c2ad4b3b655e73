// @ts-check
/** The load test's metrics, and the thresholds that decide whether it passes. */
import { Counter, Rate, Trend } from "k6/metrics";

/** Messages received, by pair of nodes (`from-to`) and by whether they came `live` or in a catch-up `page`. */
export const deliveries = new Counter("deliveries");
/** Messages stored by one node and delivered by another. */
export const crossNode = new Counter("cross_node_deliveries");
/** From sending a message first to receiving it; live messages only. */
export const latency = new Trend("delivery_latency", true);

export const acked = new Rate("posts_acked");
export const ackLatency = new Trend("ack_latency", true);
export const retries = new Counter("post_retries");

export const connectTime = new Trend("connect_time", true);
export const disconnects = new Counter("disconnects");
/** The share of reconnects with a cursor that the server reported as recovered. */
export const recovered = new Rate("recovered");

/** Clients that were judged; a run without any proves nothing. */
export const verdicts = new Counter("verdicts");
/** Clients whose script failed before they were judged. */
export const unjudged = new Counter("clients_unjudged");
export const lost = new Counter("messages_lost");
export const doubled = new Counter("messages_doubled");
export const inverted = new Counter("messages_inverted");
/** Messages whose text differs from the log's. */
export const differing = new Counter("messages_differing");
export const compared = new Counter("messages_compared");

/** Statistics of a trend in the summary. */
export const TREND_STATS = ["avg", "min", "med", "p(95)", "p(99)", "max", "count"];

/** Every ordered pair of nodes, including a node with itself. @param {number} replicas */
export function pairs(replicas) {
  const numbers = Array.from({ length: replicas }, (_, at) => at);
  return numbers.flatMap((from) => numbers.map((to) => `${from}-${to}`));
}

/**
 * The thresholds of every scenario.
 *
 * A counter without samples is 0, so `count==0` also holds if nothing was checked. Each such threshold
 * is paired with a `count>0` that requires the check to have happened.
 *
 * @param {{ replicas: number, clients?: number, p95Ms: number, p99Ms: number, matrix?: boolean }} wanted
 *   `clients`: how many must be judged; if absent, at least one.
 * @returns {Record<string, string[]>}
 */
export function thresholds({ replicas, clients, p95Ms, p99Ms, matrix = true }) {
  /** @type {Record<string, string[]>} */
  const all = {
    messages_lost: ["count==0"],
    messages_doubled: ["count==0"],
    messages_inverted: ["count==0"],
    messages_differing: ["count==0"],
    messages_compared: ["count>0"],
    verdicts: [clients === undefined ? "count>0" : `count==${clients}`],
    clients_unjudged: ["count==0"],
    posts_acked: ["rate==1"],
    delivery_latency: [`p(95)<${p95Ms}`, `p(99)<${p99Ms}`],
  };
  if (1 < replicas) all.cross_node_deliveries = ["count>0"];
  if (!matrix) return all;
  for (const pair of pairs(replicas)) {
    all[`deliveries{pair:${pair}}`] = ["count>0"];
    all[`delivery_latency{pair:${pair}}`] = [`p(95)<${p95Ms}`];
  }
  return all;
}

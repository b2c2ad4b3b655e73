// @ts-check
/** Every metric of the load test, and the thresholds that make it a test. */
import { Counter, Rate, Trend } from "k6/metrics";

/** Messages shown, by pair of nodes (`from-to`) and way (`live`, or a catch-up `page`). */
export const deliveries = new Counter("deliveries");
/** Those of them that were stored by one node and shown by another. */
export const crossNode = new Counter("cross_node_deliveries");
/** From a message's first sending to its being shown; only what came live. */
export const latency = new Trend("delivery_latency", true);

export const acked = new Rate("posts_acked");
export const ackLatency = new Trend("ack_latency", true);
export const retries = new Counter("post_retries");

export const connectTime = new Trend("connect_time", true);
export const disconnects = new Counter("disconnects");
/** Of the returns with a cursor: how many were told that all they missed will come. */
export const recovered = new Rate("recovered");

/** Clients that were judged; a run in which nobody was proves nothing. */
export const verdicts = new Counter("verdicts");
/** Clients whose script failed before they could be. */
export const unjudged = new Counter("clients_unjudged");
export const lost = new Counter("messages_lost");
export const doubled = new Counter("messages_doubled");
export const inverted = new Counter("messages_inverted");
/** Messages shown that the log has otherwise. */
export const differing = new Counter("messages_differing");
export const compared = new Counter("messages_compared");

/** What the summary shows of a trend. */
export const TREND_STATS = ["avg", "min", "med", "p(95)", "p(99)", "max", "count"];

/** Every ordered pair of nodes, a node with itself included. @param {number} replicas */
export function pairs(replicas) {
  const numbers = Array.from({ length: replicas }, (_, at) => at);
  return numbers.flatMap((from) => numbers.map((to) => `${from}-${to}`));
}

/**
 * What must hold in every scenario.
 *
 * A counter without a sample counts as 0: `count==0` is fulfilled by silence, `count>0` is not.
 * So each judgement of "none" stands beside one of "some".
 *
 * @param {{ replicas: number, clients?: number, p95Ms: number, p99Ms: number, matrix?: boolean }} wanted
 *   `clients`: exactly so many must be judged; absent: at least one.
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

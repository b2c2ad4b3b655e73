// @ts-check
/**
 * Runs one client: join a room, send for a while, wait until everything has arrived, judge, leave.
 *
 * @typedef {{ run: string, nodes: string[] }} SetupData
 *
 * @typedef {object} ClientPlan
 * @property {string} sender Unique in the run.
 * @property {string} room
 * @property {number} forMs How long it sends.
 * @property {number} [rate] Messages per second.
 * @property {{ everyMs: number, awayMs: number }} [drops] How often it loses its connection, and for how long at most; it may reconnect to any node.
 */
import { ChatClient } from "./chat.js";
import { jitter, pause, until } from "./clock.js";
import { headOf, PAGE_MAX, pageAfter } from "./log.js";
import * as metrics from "./metrics.js";
import { pairOf } from "./nodes.js";
import { common } from "./options.js";
import { stamped, stampOf } from "./stamp.js";
import { RECENT_MAX, Verdict } from "./verdict.js";

/** Limit for the first connect. */
const JOIN_MS = 60_000;

/** The room of the n-th client; `ROOM_SIZE` clients share a room. @param {SetupData} data @param {number} n From 0. */
export function roomOf(data, n) {
  return `load-${data.run}-${Math.floor(n / common.roomSize)}`;
}

/**
 * Runs the client and records the results as metrics.
 *
 * @param {SetupData} data
 * @param {ClientPlan} plan
 */
export async function runClient(data, plan) {
  const verdict = new Verdict();
  const client = new ChatClient(
    { base: common.base, room: plan.room, name: plan.sender, transport: common.transport, roams: plan.drops !== undefined },
    portsOf(data, verdict, () => client.node),
  );
  try {
    client.start();
    if (!(await until(() => client.online, JOIN_MS))) throw new Error("could not join");
    await send(client, plan);
    await judge(client, verdict, plan.room);
  } catch (error) {
    metrics.unjudged.add(1);
    console.error(`${plan.sender}: ${error}`);
  } finally {
    client.stop();
  }
}

/**
 * @param {SetupData} data
 * @param {Verdict} verdict
 * @param {() => string} node
 * @returns {import("./chat.js").ChatPorts}
 */
function portsOf(data, verdict, node) {
  return {
    joined: ({ head }) => verdict.open(head),
    message: (message, via) => {
      const stamp = stampOf(message.text);
      verdict.take(message.seq, message.text, stamp);
      if (stamp) delivered(pairOf(data.nodes, message.node, node()), stamp.sentAt, via, message.node !== node());
    },
    settled: (post, stored) => {
      metrics.acked.add(stored);
      metrics.ackLatency.add(Date.now() - post.sentAt);
      if (1 < post.tries) metrics.retries.add(post.tries - 1);
    },
    online: (_session, tookMs, recovered) => {
      metrics.connectTime.add(tookMs, { kind: recovered === null ? "first" : "again" });
      if (recovered !== null) metrics.recovered.add(recovered);
    },
    offline: () => metrics.disconnects.add(1),
  };
}

/** @param {string} pair @param {number} sentAt @param {"live" | "page"} via @param {boolean} crossed */
function delivered(pair, sentAt, via, crossed) {
  metrics.deliveries.add(1, { pair, via });
  if (crossed) metrics.crossNode.add(1, { pair });
  // Messages that a client catches up on are late because the client was away.
  if (via === "live") metrics.latency.add(Date.now() - sentAt, { pair });
}

/** @param {ChatClient} client @param {ClientPlan} plan */
async function send(client, { sender, forMs, rate = common.rate, drops }) {
  const everyMs = 1_000 / rate;
  const endAt = Date.now() + forMs;
  let dropAt = drops ? Date.now() + jitter(drops.everyMs) : Infinity;
  let number = 0;
  await pause(jitter(Math.min(everyMs, forMs)));
  while (Date.now() < endAt) {
    const stamp = { sender, number: number + 1, sentAt: Date.now() };
    // A full outbox is back-pressure from the server: skip this message.
    if (client.outbox.post(`${sender}-${stamp.number}`, stamped(stamp, common.bytes), stamp.sentAt)) number += 1;
    if (drops && dropAt < Date.now()) {
      client.drop(jitter(drops.awayMs));
      dropAt = Date.now() + drops.awayMs + drops.everyMs / 2 + jitter(drops.everyMs);
    }
    await pause(Math.min(everyMs, Math.max(0, endAt - Date.now())));
  }
}

/** @param {ChatClient} client @param {Verdict} verdict @param {string} room */
async function judge(client, verdict, room) {
  await until(() => client.outbox.size === 0, common.settleMs);
  for (let unanswered = client.outbox.size; 0 < unanswered; unanswered -= 1) metrics.acked.add(false);
  // Read the head over HTTP, independently of the connection that is judged.
  const head = await headOf(common.base, room);
  await until(() => head <= verdict.highest, common.settleMs);
  const { lost, doubled, inverted } = verdict.outcome(head);
  await compare(verdict, room, head);
  metrics.lost.add(lost);
  metrics.doubled.add(doubled);
  metrics.inverted.add(inverted);
  metrics.verdicts.add(1);
}

/** @param {Verdict} verdict @param {string} room @param {number} head */
async function compare(verdict, room, head) {
  for (let after = Math.max(verdict.start, head - RECENT_MAX); after < head; after += PAGE_MAX) {
    const { compared, differing } = verdict.compare(await pageAfter(common.base, room, after));
    metrics.compared.add(compared);
    metrics.differing.add(differing);
  }
}

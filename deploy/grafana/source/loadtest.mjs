// @ts-check
/** The load test: what its clients saw, beside what the nodes say. */
import * as units from "@grafana/grafana-foundation-sdk/units";
import { board } from "./board.mjs";
import { lines, number, steps, TOTAL } from "./panels.mjs";
import { level, quantile, rate } from "./queries.mjs";

const { MessagesPerSecond, Seconds, Short } = units;

const FAULTLESS = steps("green", [1, "red"]);
/** Trends are of the run so far, by their tags; the largest is shown. @param {string} metric @param {string} [labels] */
const worst = (metric, labels = "") => `max${labels && ` by (${labels})`} (${metric})`;
/** What is said as a client ends, and so may come with the last samples of a run, which are stale at once. @param {string} metric */
const final = (metric) => `sum(last_over_time(${metric}[$__rate_interval]))`;
/** @param {string} metric @param {string} [labels] */
const perSecond = (metric, labels = "") => `sum${labels && ` by (${labels})`} (rate(${metric}[$__rate_interval]))`;

export const loadtest = board({
  uid: "chorus-loadtest",
  title: "Load test",
  says: "What the load test's clients saw, beside what the nodes say. Its series come from k6, or from the harness, by remote write.",
}, [
  [
    null,
    number({ title: "How many were lost?", unit: Short, width: 4,
      says: "None may be. Messages that a client was not shown by its end; said when clients are judged." },
      [final("k6_messages_lost_total"), ""], FAULTLESS, { nothing: "not judged" }),
    number({ title: "How many were doubled?", unit: Short, width: 4,
      says: "None may be. Messages that a client was shown again." },
      [final("k6_messages_doubled_total"), ""], FAULTLESS, { nothing: "not judged" }),
    number({ title: "How many were out of order?", unit: Short, width: 4,
      says: "None may be. Messages shown after one that follows them." },
      [final("k6_messages_inverted_total"), ""], FAULTLESS, { nothing: "not judged" }),
    number({ title: "How many unlike the log?", unit: Short, width: 4,
      says: "None may be. Messages shown that the log has otherwise." },
      [final("k6_messages_differing_total"), ""], FAULTLESS, { nothing: "not judged" }),
    number({ title: "How many were judged?", unit: Short, width: 4,
      says: "Clients that came to their end and compared; where nobody was judged, nothing is shown." },
      [final("k6_verdicts_total"), ""], steps("yellow", [1, "green"]), { nothing: "not judged" }),
    number({ title: "How many clients are there?", unit: Short, width: 4,
      says: "Virtual users that run." },
      ["sum(k6_vus)", ""], steps("blue"), { nothing: "no load test" }),
  ],
  [
    "Traffic: the clients, and the nodes",
    lines({ title: "Clients: how many messages crossed, from node to node?", unit: MessagesPerSecond, width: 12,
      says: "Shown a second, from the node that stored to the node that showed. Each pair must be above 0 in a run; x is a node that came later." },
      [[perSecond("k6_deliveries_total", "pair"), "{{pair}}"]]),
    lines({ title: "Nodes: how many messages did each emit?", unit: MessagesPerSecond, width: 12,
      says: "The same deliveries, counted where they leave." },
      [[rate("chorus_deliveries_total", "instance"), "{{instance}}"], [rate("chorus_deliveries_total"), TOTAL]]),
  ],
  [
    "Lateness: the clients, and the nodes",
    lines({ title: "Clients: how late was a message shown?", unit: Seconds, width: 12,
      says: "From its first sending to its being shown, the worst pair of nodes, of the run so far." },
      [
        [worst("k6_delivery_latency_p50"), "half"],
        [worst("k6_delivery_latency_p95"), "95 of 100"],
        [worst("k6_delivery_latency_p99"), "99 of 100"],
        [worst("k6_delivery_latency_max"), "the latest"],
      ]),
    lines({ title: "Nodes: how late was it emitted?", unit: Seconds, width: 12,
      says: "From its taking to its emit. What the clients see beyond that is the way between them and the nodes." },
      [
        [quantile(0.5, "chorus_delivery_seconds", "hop"), "{{hop}}, half"],
        [quantile(0.99, "chorus_delivery_seconds", "hop"), "{{hop}}, 99 of 100"],
      ]),
    lines({ title: "Clients: which pairs of nodes are slow?", unit: Seconds, width: 12,
      says: "95 of 100 messages were shown within this time, of the run so far." },
      [[worst("k6_delivery_latency_p95", "pair"), "{{pair}}"]]),
    lines({ title: "How much of that is the log?", unit: Seconds, width: 12,
      says: "A sender's ack as the clients see it, and the append in it as the nodes do." },
      [
        [worst("k6_ack_latency_p95"), "clients: ack, 95 of 100"],
        [worst("k6_ack_latency_p99"), "clients: ack, 99 of 100"],
        [quantile(0.95, "chorus_append_seconds"), "nodes: append, 95 of 100"],
        [quantile(0.99, "chorus_append_seconds"), "nodes: append, 99 of 100"],
      ]),
  ],
  [
    "Connections: the clients, and the nodes",
    lines({ title: "Clients: how many connections broke, and how much was sent again?", unit: units.EventsPerSecond, width: 12,
      says: "Lost connections, and posts that had to be sent again." },
      [[perSecond("k6_disconnects_total"), "connections lost"], [perSecond("k6_post_retries_total"), "posts sent again"]]),
    lines({ title: "Nodes: how many sockets has each?", unit: Short, width: 12,
      says: "New connections go to the emptier of two replicas drawn by chance." },
      [[level("chorus_connections", "instance"), "{{instance}}"], [level("chorus_connections"), TOTAL]]),
    lines({ title: "Clients: how long does connecting take?", unit: Seconds, width: 12,
      says: "From the first request to the session, of the run so far; first, and again after a loss." },
      [[worst("k6_connect_time_p95", "kind"), "{{kind}}, 95 of 100"], [worst("k6_connect_time_max", "kind"), "{{kind}}, the latest"]]),
    lines({ title: "Nodes: how many clients returned, and did they get all they missed?", unit: units.EventsPerSecond, width: 12,
      says: "Joins with a place, a second." },
      [[rate("chorus_resumes_total", "outcome"), "{{outcome}}"]]),
  ],
]);

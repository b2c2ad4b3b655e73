// @ts-check
/** The Load test dashboard: what its clients measured, beside what the nodes report. */
import * as units from "@grafana/grafana-foundation-sdk/units";
import { board } from "./board.mjs";
import { lines, number, steps, TOTAL } from "./panels.mjs";
import { level, quantile, rate } from "./queries.mjs";

const { MessagesPerSecond, Seconds, Short } = units;

const FAULTLESS = steps("green", [1, "red"]);
/** The maximum over all tags of a trend, which covers the run so far. @param {string} metric @param {string} [labels] */
const worst = (metric, labels = "") => `max${labels && ` by (${labels})`} (${metric})`;
/** A counter that clients report at their end, so its last samples may become stale at once. @param {string} metric */
const final = (metric) => `sum(last_over_time(${metric}[$__rate_interval]))`;
/** @param {string} metric @param {string} [labels] */
const perSecond = (metric, labels = "") => `sum${labels && ` by (${labels})`} (rate(${metric}[$__rate_interval]))`;

export const loadtest = board({
  uid: "chorus-loadtest",
  title: "Load test",
  description: "What the load test's clients measured, beside what the nodes report. k6 or the harness sends the clients' series by remote write.",
}, [
  [
    null,
    number({ title: "How many were lost?", unit: Short, width: 4,
      description: "Must be 0. Messages that a client had not received by its end; reported when clients are judged." },
      [final("k6_messages_lost_total"), ""], FAULTLESS, { nothing: "not judged" }),
    number({ title: "How many were doubled?", unit: Short, width: 4,
      description: "Must be 0. Messages that a client received again." },
      [final("k6_messages_doubled_total"), ""], FAULTLESS, { nothing: "not judged" }),
    number({ title: "How many were out of order?", unit: Short, width: 4,
      description: "Must be 0. Messages that a client received after a later one." },
      [final("k6_messages_inverted_total"), ""], FAULTLESS, { nothing: "not judged" }),
    number({ title: "How many differ from the log?", unit: Short, width: 4,
      description: "Must be 0. Messages whose text differs from the log's." },
      [final("k6_messages_differing_total"), ""], FAULTLESS, { nothing: "not judged" }),
    number({ title: "How many clients were judged?", unit: Short, width: 4,
      description: "Clients that ended and were judged. Without any, the other numbers prove nothing." },
      [final("k6_verdicts_total"), ""], steps("yellow", [1, "green"]), { nothing: "not judged" }),
    number({ title: "How many clients are there?", unit: Short, width: 4,
      description: "Virtual users that are running." },
      ["sum(k6_vus)", ""], steps("blue"), { nothing: "no load test" }),
  ],
  [
    "Traffic: clients and nodes",
    lines({ title: "Clients: how many messages came from node to node?", unit: MessagesPerSecond, width: 12,
      description: "Received per second, from the storing node to the delivering node. Each pair must be above 0 during a run; x is a node that appeared later." },
      [[perSecond("k6_deliveries_total", "pair"), "{{pair}}"]]),
    lines({ title: "Nodes: how many messages did each emit?", unit: MessagesPerSecond, width: 12,
      description: "The same deliveries, counted by the nodes." },
      [[rate("chorus_deliveries_total", "instance"), "{{instance}}"], [rate("chorus_deliveries_total"), TOTAL]]),
  ],
  [
    "Latency: clients and nodes",
    lines({ title: "Clients: how late did messages arrive?", unit: Seconds, width: 12,
      description: "From first sending to receiving, for the worst pair of nodes, over the run so far." },
      [
        [worst("k6_delivery_latency_p50"), "p50"],
        [worst("k6_delivery_latency_p95"), "p95"],
        [worst("k6_delivery_latency_p99"), "p99"],
        [worst("k6_delivery_latency_max"), "max"],
      ]),
    lines({ title: "Nodes: how late were messages emitted?", unit: Seconds, width: 12,
      description: "From accepting a message to emitting it. The rest of the clients' latency is the network between them and the nodes." },
      [
        [quantile(0.5, "chorus_delivery_seconds", "hop"), "{{hop}}, p50"],
        [quantile(0.99, "chorus_delivery_seconds", "hop"), "{{hop}}, p99"],
      ]),
    lines({ title: "Clients: which pairs of nodes are slow?", unit: Seconds, width: 12,
      description: "p95 latency by pair of nodes, over the run so far." },
      [[worst("k6_delivery_latency_p95", "pair"), "{{pair}}"]]),
    lines({ title: "How much of that is the log?", unit: Seconds, width: 12,
      description: "Ack latency as the clients measure it, and the append that is part of it as the nodes do." },
      [
        [worst("k6_ack_latency_p95"), "clients: ack p95"],
        [worst("k6_ack_latency_p99"), "clients: ack p99"],
        [quantile(0.95, "chorus_append_seconds"), "nodes: append p95"],
        [quantile(0.99, "chorus_append_seconds"), "nodes: append p99"],
      ]),
  ],
  [
    "Connections: clients and nodes",
    lines({ title: "Clients: how many connections broke, and how many posts were retried?", unit: units.EventsPerSecond, width: 12,
      description: "Lost connections and retried posts per second." },
      [[perSecond("k6_disconnects_total"), "connections lost"], [perSecond("k6_post_retries_total"), "posts retried"]]),
    lines({ title: "Nodes: how many sockets has each?", unit: Short, width: 12,
      description: "New connections go to the emptier of two random replicas." },
      [[level("chorus_connections", "instance"), "{{instance}}"], [level("chorus_connections"), TOTAL]]),
    lines({ title: "Clients: how long does connecting take?", unit: Seconds, width: 12,
      description: "From the first request to the session, over the run so far; for first connects and for reconnects." },
      [[worst("k6_connect_time_p95", "kind"), "{{kind}}, p95"], [worst("k6_connect_time_max", "kind"), "{{kind}}, max"]]),
    lines({ title: "Nodes: how many clients reconnected, and did they get all they missed?", unit: units.EventsPerSecond, width: 12,
      description: "Joins with a cursor per second." },
      [[rate("chorus_resumes_total", "outcome"), "{{outcome}}"]]),
  ],
]);

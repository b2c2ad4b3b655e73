// @ts-check
/** The Overview dashboard: traffic, latency, errors and saturation, by node and in total. */
import * as units from "@grafana/grafana-foundation-sdk/units";
import { board } from "./board.mjs";
import { heat, lines, number, steps, TOTAL } from "./panels.mjs";
import { level, of, quantile, rate, some } from "./queries.mjs";

const { BytesIEC: Bytes, MessagesPerSecond, PercentUnit, Seconds, Short } = units;

/** Reasons for which a node closes a session. */
export const CLOSED = 'reason=~"stalled|unread|write_deadline|log_unreadable"';

export const overview = board({
  uid: "chorus-overview",
  title: "Overview",
  description: "Is delivery healthy? Traffic, latency, errors and saturation, by node and in total.",
}, [
  [
    null,
    number({ title: "How many nodes answer?", unit: Short, width: 4,
      description: "Replicas that Prometheus can scrape. Fewer than you run: one does not answer; see the dashboard Cluster." },
      ['sum(up{job="chat"})', ""], steps("red", [1, "green"])),
    number({ title: "Which alerts fire?", unit: Short, width: 4,
      description: "Each alert has an entry in docs/OPERATIONS.md." },
      [some('sum by (alertname) (ALERTS{alertstate="firing"})', "alertname"), "{{alertname}}"],
      steps("green", [1, "red"]), { name: true }),
    number({ title: "How late are messages between nodes?", unit: Seconds, width: 4,
      description: "p99 from one node accepting a message to another emitting it. Above log.sweep_interval (0.25 s): hints do not arrive." },
      [`${quantile(0.99, "chorus_delivery_seconds", "", 'hop="remote"')} >= 0`, ""], steps("green", [0.25, "yellow"], [1, "red"]), { nothing: "no traffic" }),
    number({ title: "How many are connected?", unit: Short, width: 4,
      description: "Sockets on the chosen nodes; a client may have one in each namespace." },
      [level("chorus_connections"), ""], steps("blue")),
    number({ title: "How many are stored?", unit: MessagesPerSecond, width: 4,
      description: "Messages per second on all chosen nodes." },
      [rate("chorus_messages_accepted_total"), ""], steps("blue")),
    number({ title: "How many are delivered?", unit: MessagesPerSecond, width: 4,
      description: "Emits to sockets per second: each message counts once for each socket." },
      [rate("chorus_deliveries_total"), ""], steps("blue")),
  ],
  [
    "Traffic",
    lines({ title: "How many messages does each node accept?", unit: MessagesPerSecond, width: 12,
      description: "Stored and acked, by the sender's node. Flat while clients post: see the refusals." },
      [[rate("chorus_messages_accepted_total", "instance"), "{{instance}}"], [rate("chorus_messages_accepted_total"), TOTAL]]),
    lines({ title: "How many messages does each node deliver?", unit: MessagesPerSecond, width: 12,
      description: "Emits to the sockets of each node. A node at 0 despite sockets and traffic: it does not receive from the others." },
      [[rate("chorus_deliveries_total", "instance"), "{{instance}}"], [rate("chorus_deliveries_total"), TOTAL]]),
  ],
  [
    "Latency",
    lines({ title: "How late are messages on their own node and on others?", unit: Seconds, width: 12, line: 1,
      description: "From accepting a message to emitting it. local: on the node that accepted it. Both include the log. Without Redis, remote still stays within a second." },
      [
        [quantile(0.5, "chorus_delivery_seconds", "hop"), "{{hop}}, p50"],
        [quantile(0.99, "chorus_delivery_seconds", "hop"), "{{hop}}, p99"],
      ]),
    lines({ title: "On which node are messages from other nodes late?", unit: Seconds, width: 12, line: 1,
      description: "p99 by emitting node. One above the others: its processor, or its connection to Redis." },
      [
        [quantile(0.99, "chorus_delivery_seconds", "instance", 'hop="remote"'), "{{instance}}"],
        [quantile(0.99, "chorus_delivery_seconds", "", 'hop="remote"'), TOTAL],
      ]),
    heat({ title: "How long does delivery between nodes take?", unit: Seconds, width: 24,
      description: "Emits per second on nodes other than the one that accepted the message, by latency. A second band at the sweep interval: some hints are lost." },
      rate("chorus_delivery_seconds_bucket", "le", 'hop="remote"')),
  ],
  [
    "Errors",
    lines({ title: "Which requests are refused, and why?", unit: units.RequestsPerSecond, width: 12, stacked: true,
      description: "By code. busy, unavailable, unknown: the log. overloaded: clients that do not wait. bad_…: faulty clients." },
      [[some(rate("chorus_messages_refused_total", "code"), "code"), "{{code}}"]]),
    lines({ title: "What goes wrong between the nodes and with clients?", unit: units.EventsPerSecond, width: 12,
      description: "None of this loses a message. Gaps repaired and hints lost: the bus. Sessions closed: clients or their network. Incomplete recoveries: history was pruned or restored." },
      [
        [rate("chorus_gap_repairs_total"), "gaps repaired from the log"],
        [rate("chorus_bus_dropped_total"), "hints lost"],
        [rate("chorus_sessions_ended_total", "", CLOSED), "sessions closed"],
        [rate("chorus_resumes_total", "", 'outcome="incomplete"'), "incomplete recoveries"],
      ]),
  ],
  [
    "Saturation",
    lines({ title: "How much of a processor does each node use?", unit: PercentUnit, width: 6,
      description: "100 % is one core. Averaged over two minutes, because nodes count whole seconds." },
      [[`sum by (instance) (rate(${of("chorus_process_cpu_seconds_total")}[2m]))`, "{{instance}}"]]),
    lines({ title: "How much memory does each node use?", unit: Bytes, width: 6,
      description: "Resident memory. Near the container's limit: add replicas." },
      [[level("chorus_process_resident_memory_bytes", "instance"), "{{instance}}"]]),
    lines({ title: "How many cursors are behind?", unit: Short, width: 6,
      description: "Cursors behind their room's head. High for long: clients stall, or the log cannot be read." },
      [[level("chorus_sessions_catching_up", "instance"), "{{instance}}"]]),
    lines({ title: "How much of the log's disk is free?", unit: PercentUnit, width: 6, max: 1, line: 0.1,
      description: "Below a tenth: free space, or set a retention. All nodes share one file." },
      [[`min(${of("chorus_log_disk_free_bytes")} / ${of("chorus_log_disk_bytes")})`, "free"]]),
  ],
]);

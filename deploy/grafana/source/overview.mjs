// @ts-check
/** Is delivery healthy? Traffic, lateness, errors and saturation, of each node and of all. */
import * as units from "@grafana/grafana-foundation-sdk/units";
import { board } from "./board.mjs";
import { heat, lines, number, steps, TOTAL } from "./panels.mjs";
import { level, of, quantile, rate, some } from "./queries.mjs";

const { BytesIEC: Bytes, MessagesPerSecond, PercentUnit, Seconds, Short } = units;

/** Those whose reason is not the client's own. */
export const CUT = 'reason=~"stalled|unread|write_deadline|log_unreadable"';

export const overview = board({
  uid: "chorus-overview",
  title: "Overview",
  says: "Is delivery healthy? Traffic, lateness, errors and saturation, of each node and of all.",
}, [
  [
    null,
    number({ title: "How many nodes answer?", unit: Short, width: 4,
      says: "Replicas that Prometheus reads. Fewer than you run: one does not answer, see the dashboard of the cluster." },
      ['sum(up{job="chat"})', ""], steps("red", [1, "green"])),
    number({ title: "Which alerts fire?", unit: Short, width: 4,
      says: "Each alert has its entry in docs/OPERATIONS.md." },
      [some('sum by (alertname) (ALERTS{alertstate="firing"})', "alertname"), "{{alertname}}"],
      steps("green", [1, "red"]), { name: true }),
    number({ title: "How late do messages cross?", unit: Seconds, width: 4,
      says: "99 of 100 emits to clients of another node than the one that took the message came within this time. Above the 0.25 s of log.sweep_interval: hints do not come." },
      [`${quantile(0.99, "chorus_delivery_seconds", "", 'hop="remote"')} >= 0`, ""], steps("green", [0.25, "yellow"], [1, "red"]), { nothing: "no traffic" }),
    number({ title: "How many are connected?", unit: Short, width: 4,
      says: "Sockets, on the chosen nodes; a client may have one in each namespace." },
      [level("chorus_connections"), ""], steps("blue")),
    number({ title: "How many are stored?", unit: MessagesPerSecond, width: 4,
      says: "Messages a second, on all chosen nodes." },
      [rate("chorus_messages_accepted_total"), ""], steps("blue")),
    number({ title: "How many are delivered?", unit: MessagesPerSecond, width: 4,
      says: "Emits to sockets a second: each message counts once for each socket that sees it." },
      [rate("chorus_deliveries_total"), ""], steps("blue")),
  ],
  [
    "Traffic",
    lines({ title: "How many messages does each node take?", unit: MessagesPerSecond, width: 12,
      says: "Stored and acked, by the node that the sender is connected to. Flat while clients post: look at the refusals." },
      [[rate("chorus_messages_accepted_total", "instance"), "{{instance}}"], [rate("chorus_messages_accepted_total"), TOTAL]]),
    lines({ title: "How many messages does each node deliver?", unit: MessagesPerSecond, width: 12,
      says: "Emits to the sockets of each node. One node at 0 with sockets and traffic: it does not hear the others." },
      [[rate("chorus_deliveries_total", "instance"), "{{instance}}"], [rate("chorus_deliveries_total"), TOTAL]]),
  ],
  [
    "Lateness",
    lines({ title: "How late are messages, on their own node and on others?", unit: Seconds, width: 12, line: 1,
      says: "From a message's taking to its emit. local: on the node that took it; what both share is the log. Even without Redis, remote stays within a second." },
      [
        [quantile(0.5, "chorus_delivery_seconds", "hop"), "{{hop}}, half"],
        [quantile(0.99, "chorus_delivery_seconds", "hop"), "{{hop}}, 99 of 100"],
      ]),
    lines({ title: "On which node are messages of others late?", unit: Seconds, width: 12, line: 1,
      says: "99 of 100 emits came within this time, by the node that emits. One above the others: its processor, or its way to Redis." },
      [
        [quantile(0.99, "chorus_delivery_seconds", "instance", 'hop="remote"'), "{{instance}}"],
        [quantile(0.99, "chorus_delivery_seconds", "", 'hop="remote"'), TOTAL],
      ]),
    heat({ title: "How long does it take to cross from node to node?", unit: Seconds, width: 24,
      says: "Emits a second to clients of another node than the one that took the message, by how late they came. A second band at the sweep's interval: some hints are lost." },
      rate("chorus_delivery_seconds_bucket", "le", 'hop="remote"')),
  ],
  [
    "Errors",
    lines({ title: "Which requests are refused, and why?", unit: units.RequestsPerSecond, width: 12, stacked: true,
      says: "By code. busy, unavailable, unknown: the log; overloaded: clients that do not wait; the bad_ ones: clients that are wrong." },
      [[some(rate("chorus_messages_refused_total", "code"), "code"), "{{code}}"]]),
    lines({ title: "What goes wrong between the nodes and with clients?", unit: units.EventsPerSecond, width: 12,
      says: "Nothing of this loses a message. Holes filled and hints lost: the bus; cut sessions: clients or their network; incomplete returns: history was pruned or restored." },
      [
        [rate("chorus_gap_repairs_total"), "holes filled from the log"],
        [rate("chorus_bus_dropped_total"), "hints lost"],
        [rate("chorus_sessions_ended_total", "", CUT), "sessions cut"],
        [rate("chorus_resumes_total", "", 'outcome="incomplete"'), "incomplete returns"],
      ]),
  ],
  [
    "Saturation",
    lines({ title: "How much of a processor does each node use?", unit: PercentUnit, width: 6,
      says: "100 % is one core. Over two minutes, since nodes count whole seconds." },
      [[`sum by (instance) (rate(${of("chorus_process_cpu_seconds_total")}[2m]))`, "{{instance}}"]]),
    lines({ title: "How much memory does each node take?", unit: Bytes, width: 6,
      says: "Resident. Near the container's limit: add replicas." },
      [[level("chorus_process_resident_memory_bytes", "instance"), "{{instance}}"]]),
    lines({ title: "How many rooms of sessions are behind?", unit: Short, width: 6,
      says: "Cursors behind their room's head. Up for long: clients stall, or the log cannot be read." },
      [[level("chorus_sessions_catching_up", "instance"), "{{instance}}"]]),
    lines({ title: "How much of the log's disk is free?", unit: PercentUnit, width: 6, max: 1, line: 0.1,
      says: "Below a tenth: make room, or set a retention. All nodes are on one file." },
      [[`min(${of("chorus_log_disk_free_bytes")} / ${of("chorus_log_disk_bytes")})`, "free"]]),
  ],
]);

// @ts-check
/** The Clients dashboard: how many there are and where, how they disconnect and reconnect, and whether they keep up. */
import * as units from "@grafana/grafana-foundation-sdk/units";
import { board, variable } from "./board.mjs";
import { CLOSED } from "./overview.mjs";
import { bars, lines, number, states, steps, TOTAL } from "./panels.mjs";
import { count, level, of, rate, some } from "./queries.mjs";

const { BytesIEC: Bytes, EventsPerSecond, MessagesPerSecond, PercentUnit, RequestsPerSecond, Short } = units;

const NAMESPACE = 'namespace=~"$namespace"';

export const clients = board({
  uid: "chorus-clients",
  title: "Clients",
  description: "How many clients there are and where, how they disconnect and reconnect, and whether they keep up. No panel is by room: users name the rooms, so a room label would be unbounded.",
}, [
  [
    null,
    number({ title: "How many are connected?", unit: Short, width: 4,
      description: "Sockets of the chosen namespaces on the chosen nodes." },
      [level("chorus_connections", "", NAMESPACE), ""], steps("blue")),
    number({ title: "How many by websocket?", unit: PercentUnit, width: 4,
      description: "The others use polling. If many do, something in front of nginx blocks websockets." },
      [`${level("chorus_connections", "", `${NAMESPACE}, transport="websocket"`)} / (${level("chorus_connections", "", NAMESPACE)} > 0)`, ""],
      steps("yellow", [0.5, "green"]), { nothing: "none" }),
    number({ title: "How many rooms has each joined?", unit: Short, width: 4,
      description: "Cursors divided by sockets: the mean." },
      [`${level("chorus_cursors")} / (${level("chorus_connections")} > 0)`, ""], steps("blue"), { nothing: "none" }),
    number({ title: "How many are behind?", unit: Short, width: 4,
      description: "Cursors behind their room's head: clients that have just joined or reconnected, or that are slow." },
      [level("chorus_sessions_catching_up"), ""], steps("green", [100, "yellow"], [1000, "red"])),
    number({ title: "How many were closed?", unit: Short, width: 4,
      description: "Sessions that the nodes closed in this time range, because the client did not read or the log could not be read." },
      [count("chorus_sessions_ended_total", "", CLOSED), ""], steps("green", [1, "yellow"], [50, "red"])),
    number({ title: "How many recovered incompletely?", unit: Short, width: 4,
      description: "Clients that were told in this time range that some missed messages are gone." },
      [count("chorus_resumes_total", "", 'outcome="incomplete"'), ""], steps("green", [1, "red"])),
  ],
  [
    "Connections",
    lines({ title: "How are clients connected?", unit: Short, width: 8, stacked: true,
      description: "By namespace and transport: / is the tutorial's protocol, /chat the native one." },
      [[level("chorus_connections", "namespace, transport", NAMESPACE), "{{namespace}} by {{transport}}"]]),
    lines({ title: "How evenly are they spread?", unit: Short, width: 8,
      description: "Sockets of each node. New replicas get new connections only; existing ones do not move." },
      [[level("chorus_connections", "instance", NAMESPACE), "{{instance}}"], [level("chorus_connections", "", NAMESPACE), TOTAL]]),
    lines({ title: "How many rooms have members?", unit: Short, width: 8,
      description: "Rooms with members, by node." },
      [[level("chorus_rooms", "instance"), "{{instance}}"]]),
  ],
  [
    "Disconnects and reconnects",
    lines({ title: "How many disconnect, and why?", unit: EventsPerSecond, width: 8, stacked: true,
      description: "left: by the client or its network. heartbeat: the client did not answer pings. For other reasons the node closed the session, and the client reconnects." },
      [[rate("chorus_sessions_ended_total", "reason"), "{{reason}}"]]),
    bars({ title: "How many disconnected in this time range, by reason?", unit: Short, width: 8,
      description: "By reason. stalled: the client read no messages; unread: it read no answers; write_deadline: its socket accepted no bytes." },
      [count("chorus_sessions_ended_total", "reason"), "{{reason}}"], steps("blue")),
    lines({ title: "Do clients that reconnect get all they missed?", unit: EventsPerSecond, width: 8,
      description: "Joins with a cursor per second. Incomplete although no backup was restored: log.retention is shorter than clients stay away." },
      [[rate("chorus_resumes_total", "outcome"), "{{outcome}}"]]),
  ],
  [
    "Keeping up",
    lines({ title: "How many cursors are behind, by node?", unit: Short, width: 8,
      description: "Cursors behind their room's head. High for long, followed by sessions that end as stalled: slow clients." },
      [[level("chorus_sessions_catching_up", "instance"), "{{instance}}"]]),
    lines({ title: "By which path are messages delivered?", unit: MessagesPerSecond, width: 8, stacked: true,
      description: "live: to clients at the head. tail and log: to clients behind it, from memory or from disk." },
      [[rate("chorus_deliveries_total", "path"), "{{path}}"]]),
    lines({ title: "How much memory do the tails use?", unit: Bytes, width: 8,
      description: "The newest messages of each room, from which clients catch up after a short absence." },
      [[level("chorus_tail_bytes", "instance"), "{{instance}}"]]),
  ],
  [
    "Presence",
    states({ title: "Is presence complete across the nodes?", unit: Short, width: 8,
      description: "Red: the node knows only its own members until Redis is back; who and presence are incomplete." },
      [`min by (instance) (${of("chorus_presence_complete")})`, "{{instance}}"],
      [[0, "own members only", "red"], [1, "complete", "green"]]),
    lines({ title: "How many presence events do sessions get?", unit: EventsPerSecond, width: 8,
      description: "Joins, leaves and typing notifications sent to sessions per second." },
      [[rate("chorus_presence_news_total", "news"), "{{news}}"]]),
    lines({ title: "Which presence events are dropped, and why?", unit: EventsPerSecond, width: 8, stacked: true,
      description: "session_full: a session that reads slowly. Other reasons: updates between nodes that were not sent, not accepted, or rejected." },
      [[rate("chorus_presence_dropped_total", "reason"), "{{reason}}"]]),
  ],
  [
    "Requests",
    lines({ title: "Which requests are refused, and why?", unit: RequestsPerSecond, width: 12, stacked: true,
      description: "By code; docs/PROTOCOL.md says what each means to the client." },
      [[some(rate("chorus_messages_refused_total", "code"), "code"), "{{code}}"]]),
    lines({ title: "How many posts are duplicates?", unit: MessagesPerSecond, width: 12,
      description: "Retries recognised by their nonce, and not stored again. Many: acks do not reach clients in time." },
      [[rate("chorus_messages_known_total", "instance"), "{{instance}}"], [rate("chorus_messages_known_total"), TOTAL]]),
  ],
], [
  variable("namespace", "Namespace", "/ is the tutorial's protocol, /chat the native one.", "label_values(chorus_connections, namespace)"),
]);

// @ts-check
/** The clients: how many and where, how they leave and come back, and whether they keep up. */
import * as units from "@grafana/grafana-foundation-sdk/units";
import { board, choice } from "./board.mjs";
import { CUT } from "./overview.mjs";
import { bars, lines, number, states, steps, TOTAL } from "./panels.mjs";
import { count, level, of, rate, some } from "./queries.mjs";

const { BytesIEC: Bytes, EventsPerSecond, MessagesPerSecond, PercentUnit, RequestsPerSecond, Short } = units;

const NAMESPACE = 'namespace=~"$namespace"';

export const clients = board({
  uid: "chorus-clients",
  title: "Clients",
  says: "How many clients there are and where, how they leave and come back, and whether they keep up. No panel is by room: rooms are named by users, and a label of theirs would have no bound.",
}, [
  [
    null,
    number({ title: "How many are connected?", unit: Short, width: 4,
      says: "Sockets of the chosen namespaces, on the chosen nodes." },
      [level("chorus_connections", "", NAMESPACE), ""], steps("blue")),
    number({ title: "How many by websocket?", unit: PercentUnit, width: 4,
      says: "The others poll. Many that do: websockets do not pass what is in front of nginx." },
      [`${level("chorus_connections", "", `${NAMESPACE}, transport="websocket"`)} / (${level("chorus_connections", "", NAMESPACE)} > 0)`, ""],
      steps("yellow", [0.5, "green"]), { nothing: "nobody" }),
    number({ title: "In how many rooms is each?", unit: Short, width: 4,
      says: "Cursors by sockets, a mean." },
      [`${level("chorus_cursors")} / (${level("chorus_connections")} > 0)`, ""], steps("blue"), { nothing: "nobody" }),
    number({ title: "How many are behind?", unit: Short, width: 4,
      says: "Cursors behind their room's head: just joined, just back, or slow." },
      [level("chorus_sessions_catching_up"), ""], steps("green", [100, "yellow"], [1000, "red"])),
    number({ title: "How many were cut?", unit: Short, width: 4,
      says: "In this time range, because they took no messages or the log could not be read for them." },
      [count("chorus_sessions_ended_total", "", CUT), ""], steps("green", [1, "yellow"], [50, "red"])),
    number({ title: "How many came back short?", unit: Short, width: 4,
      says: "In this time range: clients that were told that they do not get all they missed." },
      [count("chorus_resumes_total", "", 'outcome="incomplete"'), ""], steps("green", [1, "red"])),
  ],
  [
    "Connections",
    lines({ title: "How are clients connected?", unit: Short, width: 8, stacked: true,
      says: "By namespace and transport: / is the tutorial's protocol, /chat the native one." },
      [[level("chorus_connections", "namespace, transport", NAMESPACE), "{{namespace}} by {{transport}}"]]),
    lines({ title: "How evenly are they spread?", unit: Short, width: 8,
      says: "Sockets of each node. New replicas get clients as they connect; nobody is moved to them." },
      [[level("chorus_connections", "instance", NAMESPACE), "{{instance}}"], [level("chorus_connections", "", NAMESPACE), TOTAL]]),
    lines({ title: "In how many rooms are they?", unit: Short, width: 8,
      says: "Rooms with members on each node." },
      [[level("chorus_rooms", "instance"), "{{instance}}"]]),
  ],
  [
    "Coming and going",
    lines({ title: "How many leave, and why?", unit: EventsPerSecond, width: 8, stacked: true,
      says: "left: the client, or its network. heartbeat: it fell silent. The others are cut by the node, to come back." },
      [[rate("chorus_sessions_ended_total", "reason"), "{{reason}}"]]),
    bars({ title: "How many left in this time range, by reason?", unit: Short, width: 8,
      says: "All reasons there are. stalled and unread: took no messages, or no answers; write_deadline: not even bytes." },
      [count("chorus_sessions_ended_total", "reason"), "{{reason}}"], steps("blue")),
    lines({ title: "Do those who come back get all they missed?", unit: EventsPerSecond, width: 8,
      says: "Joins with a place, a second. Incomplete without a restore: log.retention is shorter than clients stay away." },
      [[rate("chorus_resumes_total", "outcome"), "{{outcome}}"]]),
  ],
  [
    "Keeping up",
    lines({ title: "How many rooms of sessions are behind, where?", unit: Short, width: 8,
      says: "Cursors behind their room's head, by node. Up for long, and then sessions that end as stalled: slow clients." },
      [[level("chorus_sessions_catching_up", "instance"), "{{instance}}"]]),
    lines({ title: "By which path do messages reach them?", unit: MessagesPerSecond, width: 8, stacked: true,
      says: "live: at the head. tail, log: behind it, from memory or from disk." },
      [[rate("chorus_deliveries_total", "path"), "{{path}}"]]),
    lines({ title: "How much memory do the newest messages take?", unit: Bytes, width: 8,
      says: "The rooms' tails, from which clients that were away shortly catch up." },
      [[level("chorus_tail_bytes", "instance"), "{{instance}}"]]),
  ],
  [
    "People",
    states({ title: "Can people of other nodes be asked for?", unit: Short, width: 8,
      says: "Red: who and presence know of the own node's people alone, until Redis is back." },
      [`min by (instance) (${of("chorus_presence_complete")})`, "{{instance}}"],
      [[0, "own people alone", "red"], [1, "all people", "green"]]),
    lines({ title: "How much news of people do sessions get?", unit: EventsPerSecond, width: 8,
      says: "People who come and go, and who are typing, told to sessions, a second." },
      [[rate("chorus_presence_news_total", "news"), "{{news}}"]]),
    lines({ title: "Which news of people is lost, and why?", unit: EventsPerSecond, width: 8, stacked: true,
      says: "session_full: a session that reads slowly. The others: whispers between the nodes, not sent, taken or believed." },
      [[rate("chorus_presence_dropped_total", "reason"), "{{reason}}"]]),
  ],
  [
    "Requests",
    lines({ title: "Which requests are refused, and why?", unit: RequestsPerSecond, width: 12, stacked: true,
      says: "By code; docs/PROTOCOL.md has what each means to the client." },
      [[some(rate("chorus_messages_refused_total", "code"), "code"), "{{code}}"]]),
    lines({ title: "How many posts are retries of what was stored?", unit: MessagesPerSecond, width: 12,
      says: "Known by their nonce, and not stored again. Many: acks do not reach clients in time." },
      [[rate("chorus_messages_known_total", "instance"), "{{instance}}"], [rate("chorus_messages_known_total"), TOTAL]]),
  ],
], [
  choice("namespace", "Namespace", "/ is the tutorial's protocol, /chat the native one.", "label_values(chorus_connections, namespace)"),
]);

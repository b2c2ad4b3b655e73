// @ts-check
/** Checks the effects of a fault on clients against its limits, and formats them as a table. */

/** @typedef {import("./checker.mjs").Report} Report */
/**
 * The duration of a fault, in seconds of the run.
 *
 * @typedef {{ from: number, to: number }} Window
 */
/**
 * Limits of a fault, in addition to those of all faults.
 *
 * @typedef {object} Limits
 * @property {number} [ackP99Ms] During the fault.
 * @property {number} [crossP99Ms] Of deliveries between nodes, during the fault.
 * @property {number} [normalAfterS] Seconds after its end by which latencies are back to normal.
 * @property {number} [recoveryMs] Of the slowest client, from losing its connection to having caught up.
 * @property {number} [longestWaitMs] Of the slowest delivery to any client.
 */

/** This share of the messages must be acked within this time after the fault's end. */
const ACKED = { afterS: 10, share: 0.99 };
/** Normal latency: at most this much above the latency before the fault, or this multiple of it. */
const NORMAL = { ms: 250, times: 3 };

/** A lower bound, from the percentiles, on how many values are within `ms`.
 * @param {import("./checker.mjs").Percentiles} percentiles @param {number} ms */
function within({ count, p50Ms, p90Ms, p99Ms, p999Ms, maxMs }, ms) {
  const steps = /** @type {[number, number][]} */ ([[maxMs, 1], [p999Ms, 0.999], [p99Ms, 0.99], [p90Ms, 0.9], [p50Ms, 0.5]]);
  return count * (steps.find(([time]) => time <= ms)?.[1] ?? 0);
}

/** The share of all messages that was acked in time after the fault. @param {Report} report @param {Window} window */
export function ackedInTime({ messages, seconds }, { to }) {
  const acked = seconds.map(({ second, ack }) => within(ack, 1_000 * Math.max(1, to + ACKED.afterS - second - 1)));
  return acked.reduce((sum, each) => sum + each, 0) / messages.offered;
}

/** The worst p99 of a range of seconds. @param {Report} report @param {number} from @param {number} to
 * @param {"ack" | "crossNode"} what */
function worst({ seconds }, from, to, what) {
  return Math.max(0, ...seconds.filter(({ second }) => from <= second && second < to).map((each) => each[what].p99Ms));
}

/**
 * Lists what is wrong with a run; empty if it passed.
 *
 * @param {Report} report
 * @param {Window} window
 * @param {Limits} limits
 * @returns {string[]}
 */
export function complaints(report, window, limits) {
  const { violations, examples, longestWaitMs, connections } = report;
  /** @type {string[]} */
  const wrong = [];
  const most = (/** @type {string} */ what, /** @type {number} */ value, /** @type {number | undefined} */ limit) => {
    if (limit !== undefined && limit < value) wrong.push(`${what}: ${Math.round(value)}, the limit is ${Math.round(limit)}`);
  };
  for (const [kind, count] of Object.entries(violations)) if (0 < count) wrong.push(`${kind}: ${count}`);
  if (wrong.length) wrong.push(...examples);
  if (connections.incompleteRecoveries) wrong.push(`incomplete recoveries: ${connections.incompleteRecoveries}`);
  const share = ackedInTime(report, window);
  if (share < ACKED.share) wrong.push(`only ${(100 * share).toFixed(2)} % were acked within ${ACKED.afterS} s of the fault's end`);
  most("ack p99 in the fault, ms", worst(report, Math.floor(window.from), window.to, "ack"), limits.ackP99Ms);
  most("delivery p99 between nodes in the fault, ms", worst(report, Math.floor(window.from), window.to, "crossNode"), limits.crossP99Ms);
  if (limits.normalAfterS !== undefined) {
    for (const what of /** @type {const} */ (["ack", "crossNode"])) {
      const before = worst(report, 1, Math.floor(window.from), what);
      const after = worst(report, Math.ceil(window.to + limits.normalAfterS), Infinity, what);
      most(`${what} p99 after the fault, ms`, after, Math.max(before + NORMAL.ms, before * NORMAL.times));
    }
  }
  most("longest recovery of a client, ms", connections.recovery.maxMs, limits.recoveryMs);
  most("longest wait, ms", longestWaitMs, limits.longestWaitMs);
  return wrong;
}

const HEADINGS = ["fault", "lasted s", "clients", "offered", "acked", "lost", "doubled", "inverted", "disagreements",
  "ack p99 ms", "between nodes p99 ms", "longest wait s"];

/** @param {string} fault @param {Report} report @param {Window} window @returns {string[]} */
export function row(fault, report, window) {
  const { violations: { lost, doubled, inverted, disagreements }, messages: { offered, acked } } = report;
  const inFault = (/** @type {"ack" | "crossNode"} */ what) => worst(report, Math.floor(window.from), window.to, what);
  return [fault, (window.to - window.from).toFixed(1), report.run.clients, offered, acked, lost, doubled, inverted,
    disagreements, Math.round(inFault("ack")), Math.round(inFault("crossNode")), (report.longestWaitMs / 1_000).toFixed(1),
  ].map(String);
}

/** Formats rows as a Markdown table. @param {string[][]} rows */
export function table(rows) {
  const lines = [HEADINGS, ...rows];
  const widths = HEADINGS.map((_, at) => Math.max(...lines.map((line) => (line[at] ?? "").length)));
  const draw = (/** @type {string[]} */ line) =>
    `| ${line.map((cell, at) => (at ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0))).join(" | ")} |`;
  const rule = `|${widths.map((width, at) => `${"-".repeat(width + 1)}${at ? ":" : "-"}`).join("|")}|`;
  return [draw(HEADINGS), rule, ...rows.map(draw)].join("\n");
}

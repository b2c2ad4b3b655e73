// @ts-check
/** Each rule of a fault's verdict can fail: tested with reports that break one rule each. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ackedInTime, complaints, row, table } from "./verdict.mjs";

/** @param {number} count @param {number} ms */
const all = (count, ms) => ({ count, p50Ms: ms, p90Ms: ms, p99Ms: ms, p999Ms: ms, maxMs: ms });
const none = { lost: 0, doubled: 0, inverted: 0, disagreements: 0, ghosts: 0, holes: 0, unacked: 0, nodes: 0 };
const WINDOW = { from: 5, to: 10 };
const LIMITS = { ackP99Ms: 500, crossP99Ms: 2_000, normalAfterS: 2, recoveryMs: 4_000, longestWaitMs: 30_000 };

/**
 * A report of twenty seconds with ten messages each, acked and delivered promptly.
 *
 * @param {(report: import("./checker.mjs").Report) => void} [spoil]
 */
function report(spoil) {
  const seconds = Array.from({ length: 20 }, (_, second) => (
    { second, offered: 10, ack: all(10, 20), delivery: all(90, 30), crossNode: all(60, 30) }));
  /** @type {import("./checker.mjs").Report} */
  const clean = {
    run: { clients: 9 },
    messages: { offered: 200, acked: 200, unacked: 0, delivered: 1_800 },
    violations: { ...none },
    examples: [],
    longestWaitMs: 30,
    nodes: { names: ["node-1"] },
    connections: { clientsReconnected: 0, recovery: all(0, 0), incompleteRecoveries: 0 },
    seconds,
  };
  spoil?.(clean);
  return clean;
}

/** @param {import("./checker.mjs").Report} report @param {number} second */
const at = (report, second) => report.seconds[second] ?? assert.fail("no such second");

test("a clean run has nothing wrong", () => {
  assert.deepEqual(complaints(report(), WINDOW, LIMITS), []);
});

for (const kind of /** @type {const} */ (["lost", "doubled", "inverted", "disagreements", "ghosts", "holes", "unacked", "nodes"])) {
  test(`one ${kind} is told, with the examples`, () => {
    const spoilt = report((report) => { report.violations[kind] = 1; report.examples = ["an example"]; });
    assert.deepEqual(complaints(spoilt, WINDOW, {}), [`${kind}: 1`, "an example"]);
  });
}

test("each limit is told when it is passed, and only then", () => {
  /** @type {[RegExp, (report: import("./checker.mjs").Report) => void][]} */
  const spoils = [
    [/ack p99 in the fault/, (report) => { at(report, 7).ack = all(10, 501); }],
    [/between nodes in the fault/, (report) => { at(report, 5).crossNode = all(60, 2_001); }],
    [/ack p99 after the fault/, (report) => { at(report, 12).ack = all(10, 1_100); }],
    [/crossNode p99 after the fault/, (report) => { at(report, 19).crossNode = all(60, 1_100); }],
    [/longest recovery/, (report) => { report.connections.recovery = all(1, 4_001); }],
    [/incomplete recoveries/, (report) => { report.connections.incompleteRecoveries = 1; }],
    [/longest wait/, (report) => { report.longestWaitMs = 30_001; }],
  ];
  for (const [told, spoil] of spoils) {
    const wrong = complaints(report(spoil), WINDOW, LIMITS);
    assert.equal(wrong.length, 1, wrong.join("; "));
    assert.match(wrong[0] ?? "", told);
  }
  // These limits do not apply before the fault or right after it.
  const elsewhere = report((report) => { at(report, 11).ack = at(report, 3).ack = all(10, 900); });
  assert.deepEqual(complaints(elsewhere, WINDOW, LIMITS), []);
});

test("what is acked later than ten seconds after the fault counts as late", () => {
  const late = report((report) => { at(report, 6).ack = all(10, 14_000); });
  assert.equal(ackedInTime(late, WINDOW), 0.95);
  assert.match(complaints(late, WINDOW, {}).join(), /only 95.00 %/);
  const inTime = report((report) => { at(report, 6).ack = all(10, 12_999); });
  assert.equal(ackedInTime(inTime, WINDOW), 1);
  const never = report((report) => { at(report, 6).ack = all(7, 20); });
  assert.equal(ackedInTime(never, WINDOW), 197 / 200);
});

test("the table has a row a fault", () => {
  const lines = table([row("none", report(), WINDOW)]).split("\n");
  assert.equal(lines.length, 3);
  assert.match(lines[2] ?? "", /^\| none +\| +5\.0 \| +9 \| +200 \| +200 \| +0 \|/);
});

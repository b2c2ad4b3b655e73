// @ts-check
/** A client's verdict on what it received. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { stamped, stampOf } from "../../loadtest/lib/stamp.js";
import { RECENT_MAX, Verdict } from "../../loadtest/lib/verdict.js";

/**
 * The verdict on a schedule of `seq`, or `seq:number` for messages of the sender `a`.
 *
 * @param {string} schedule
 * @param {{ start?: number, head?: number }} [window]
 */
function judged(schedule, { start = 0, head } = {}) {
  const verdict = new Verdict();
  verdict.open(start);
  for (const word of schedule.split(" ").filter(Boolean)) {
    const [seq = 0, number] = word.split(":").map(Number);
    const stamp = number === undefined ? null : { sender: "a", number, sentAt: 0 };
    verdict.take(seq, `text ${seq}`, stamp);
  }
  const { lost, doubled, inverted } = verdict.outcome(head ?? verdict.highest);
  return `lost ${lost}, doubled ${doubled}, inverted ${inverted}`;
}

const GOOD = "lost 0, doubled 0, inverted 0";
/** @type {[what: string, schedule: string, window: { start?: number, head?: number }, verdict: string][]} */
const SCHEDULES = [
  ["all in order is good", "1:1 2:2 3:3", {}, GOOD],
  ["nothing, of nothing, is good", "", {}, GOOD],
  ["a window begins where the client joined", "8 9", { start: 7 }, GOOD],
  ["what is jumped over is lost", "1:1 3:3", {}, "lost 1, doubled 0, inverted 0"],
  ["what the log has beyond the last one is lost", "1:1", { head: 4 }, "lost 3, doubled 0, inverted 0"],
  ["what never came is lost", "", { start: 7, head: 9 }, "lost 2, doubled 0, inverted 0"],
  ["a place that is shown again is doubled", "1:1 2:2 2:2 1:1", {}, "lost 0, doubled 2, inverted 0"],
  ["what was before the window is doubled", "7 8", { start: 7 }, "lost 0, doubled 1, inverted 0"],
  ["a place that comes late is inverted, and not lost", "1:1 3:3 2:2", {}, "lost 0, doubled 0, inverted 1"],
  ["a message that was stored twice is doubled", "1:1 2:1", {}, "lost 0, doubled 1, inverted 0"],
  ["a sender's message that never got a place is lost", "1:1 2:3", {}, "lost 1, doubled 0, inverted 0"],
  ["a sender's messages stored in another order are inverted", "1:2 2:1", {}, "lost 0, doubled 0, inverted 1"],
  ["more holes than are kept are counted", "1 20000", {}, "lost 19998, doubled 0, inverted 0"],
];
for (const [what, schedule, window, verdict] of SCHEDULES) {
  test(what, () => assert.equal(judged(schedule, window), verdict));
}

test("what the log has otherwise is noticed, for the newest messages", () => {
  const verdict = new Verdict();
  verdict.open(0);
  for (let seq = 1; seq <= RECENT_MAX + 1; seq += 1) verdict.take(seq, `text ${seq}`, null);
  const page = [{ seq: 1, text: "forgotten" }, { seq: 2, text: "text 2" }, { seq: 3, text: "another" }];
  assert.deepEqual(verdict.compare(page), { compared: 2, differing: 1 });
});

test("only the first join opens the window", () => {
  const verdict = new Verdict();
  verdict.open(3);
  verdict.open(9);
  assert.equal(verdict.start, 3);
});

test("a message carries its identity, and others' messages none", () => {
  const stamp = { sender: "c1", number: 7, sentAt: 123 };
  const text = stamped(stamp, 120);
  assert.equal(text.length, 120);
  assert.deepEqual(stampOf(text), stamp);
  assert.deepEqual(stampOf(stamped(stamp, 1)), stamp);
  assert.equal(stampOf("good morning everyone"), null);
});

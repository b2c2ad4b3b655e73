// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { Deliveries, DELIVERIES_MAX, SECONDS } from "../../static/js/model/deliveries.js";
import { NodeClock } from "../../static/js/model/node_clock.js";
import { withPending } from "../../static/js/model/pending.js";
import { relativeTime, dayName, exactTime, shortTime } from "../../static/js/model/times.js";
import { manualClock, messagesAt } from "./fakes.js";

const [MESSAGE] = messagesAt([1], { node: "n1", at: 100_000 });
const NOW = new Date(2026, 5, 10, 12).getTime();
const HOUR = 3_600_000;

test("a wrong clock is put right by the nodes' acks, the closest first", () => {
  const clock = manualClock();
  const nodes = new NodeClock(clock);
  nodes.sample(clock.now() + 3_600_000, clock.now() - 50, clock.now() + 50);
  assert.equal(nodes.offset, 3_600_000);
  nodes.sample(clock.now() + 7_200_000, clock.now() - 500, clock.now() + 500);
  assert.equal(nodes.offset, 3_600_000, "a worse one does not count");
  nodes.reset();
  nodes.sample(clock.now() + 10, clock.now() - 500, clock.now() + 500);
  assert.equal(nodes.offset, 0, "what is within the doubt is no difference");
});

test("a delivery is timed from its sending, or from its storing, and never negative", () => {
  assert.ok(MESSAGE);
  const deliveries = new Deliveries();
  deliveries.record(MESSAGE, { node: "n2", own: true, now: 100_020, sentAt: 99_990 });
  deliveries.record(MESSAGE, { node: "n2", own: false, now: 100_007 });
  deliveries.record(MESSAGE, { node: "n2", own: false, now: 99_000 });
  assert.deepEqual(deliveries.recent.map(({ ms }) => ms), [30, 7, 0]);
  assert.equal(deliveries.medianMs, 7);
});

test("reactions and edits are no messages of the cluster's", () => {
  const deliveries = new Deliveries();
  for (const kind of ["react", "edit", "text", "delete"]) {
    for (const message of messagesAt([1], { kind })) deliveries.record(message, { node: "n2", own: false, now: 100_000 });
  }
  assert.equal(deliveries.recent.length, 1);
  assert.equal(deliveries.perSecond(100_000).at(-1), 1);
});

test("deliveries are bounded, and counted by the second", () => {
  assert.ok(MESSAGE);
  const deliveries = new Deliveries();
  for (let n = 0; n < 10 * DELIVERIES_MAX; n += 1) deliveries.record(MESSAGE, { node: "n2", own: false, now: 100_000 + n * 10 });
  assert.equal(deliveries.recent.length, DELIVERIES_MAX);
  const counts = deliveries.perSecond(105_999);
  assert.equal(counts.length, SECONDS);
  assert.deepEqual(counts.slice(-7), [0, 100, 100, 100, 100, 100, 100]);
  assert.deepEqual(deliveries.perSecond(105_999 + SECONDS * 1_000), counts.map(() => 0));
});

test("what was done is shown before the node has it", () => {
  const me = { id: "u1", name: "Ada" };
  const bob = { id: "u2", name: "Bob" };
  const folded = { text: "a", edited: false, deleted: false, reactions: [{ text: "+", users: [bob] }], version: 1 };
  /** @param {import("../../static/js/protocol/wire.js").Kind} kind @param {string} text @returns {import("../../static/js/protocol/outbox.js").Entry} */
  const entry = (kind, text) => ({ room: "lobby", nonce: "n", text, kind, of: 1, writtenAt: 1, state: "sending" });
  /** @param {import("../../static/js/protocol/outbox.js").Entry[]} entries */
  const seen = (...entries) => {
    const { text, reactions } = withPending(folded, entries, me);
    return [text, ...reactions.map((one) => one.text + one.users.map(({ name }) => name).join("+"))].join(" ");
  };
  assert.equal(seen(entry("edit", "b")), "b +Bob");
  assert.equal(seen(entry("react", "+")), "a +Bob+Ada");
  assert.equal(seen(entry("react", "-")), "a +Bob -Ada");
  assert.equal(seen(entry("react", "-"), entry("unreact", "-")), "a +Bob");
  assert.equal(withPending(folded, [entry("delete", "")], me).deleted, true);
});

/** @type {[what: string, ago: number, brief: RegExp, day: RegExp][]} */
const TIMES = [
  ["just now", 0, /^now$/, /^Today$/],
  ["minutes ago", 5 * 60_000, /5/, /^Today$/],
  ["hours ago", 3 * HOUR, /09:00|9:00/, /^Today$/],
  ["yesterday", 24 * HOUR, /12:00/, /^Yesterday$/],
  ["days ago", 72 * HOUR, /12:00/, /7/],
  ["in the future by a little", -30_000, /^now$/, /^Today$/],
  ["tomorrow, by a clock that is wrong", -24 * HOUR, /12:00/, /11/],
];

for (const [what, ago, brief, day] of TIMES) {
  test(`a time ${what} is said in words`, () => {
    assert.match(relativeTime(NOW - ago, NOW), brief);
    assert.match(dayName(NOW - ago, NOW), day);
  });
}

test("a time that is none is not said", () => {
  for (const at of [NaN, Infinity, 1e20]) {
    assert.equal(relativeTime(at, NOW) + dayName(at, NOW) + shortTime(at, NOW), "");
    assert.match(exactTime(at), /unknown/);
  }
});

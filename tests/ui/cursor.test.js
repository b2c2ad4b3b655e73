// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { RoomCursor } from "../../static/js/protocol/cursor.js";
import { messagesAt, seeded } from "./fakes.js";

const EPOCH = "e1";

/**
 * Renders a schedule: the messages shown for each batch; `?` for a gap.
 *
 * @param {RoomCursor} cursor
 * @param {number[][]} batches
 */
function trace(cursor, batches) {
  const steps = batches.map((seqs) => {
    const { due, gap } = cursor.receive(messagesAt(seqs));
    return (due.map(({ seq }) => seq).join(",") || (gap ? "" : "-")) + (gap ? "?" : "");
  });
  return steps.join(" ");
}

/** @param {{ head: number, recovered?: boolean, epoch?: string }} joined */
function opened({ head, recovered = true, epoch = EPOCH }) {
  const cursor = new RoomCursor();
  cursor.join({ epoch, head, recovered });
  return cursor;
}

/** @param {number} shown */
function at(shown) {
  const cursor = opened({ head: shown });
  cursor.receive(messagesAt([shown]));
  return cursor;
}

/** @type {[name: string, shown: number, batches: number[][], wanted: string][]} */
const SCHEDULES = [
  ["what is due is shown", 0, [[1], [2], [3]], "1 2 3"],
  ["a page is shown at once", 0, [[1, 2, 3]], "1,2,3"],
  ["a repeat is not shown", 4, [[4], [5], [5], [3, 4, 5, 6]], "- 5 - 6"],
  ["what comes after a hole is held back", 4, [[6], [7], [5], [6]], "? ? 5 6"],
  ["a page is shown up to its hole", 4, [[5, 6, 8, 9]], "5,6?"],
  ["an empty page shows nothing", 4, [[]], "-"],
  ["a page out of order shows none twice", 0, [[1, 3, 2], [2, 3]], "1? 2,3"],
];

for (const [name, shown, batches, wanted] of SCHEDULES) {
  test(name, () => {
    const cursor = shown === 0 ? opened({ head: 0 }) : at(shown);
    assert.equal(trace(cursor, batches), wanted);
  });
}

test("history may start anywhere, but then goes on without a hole", () => {
  assert.equal(trace(opened({ head: 500 }), [[301, 302], [303], [305]]), "301,302 303 ?");
});

test("an empty room starts at its first message", () => {
  const cursor = opened({ head: 0 });
  assert.deepEqual(cursor.position(), { epoch: EPOCH, seq: 0 });
  assert.equal(trace(cursor, [[2], [1], [2]]), "? 1 2");
});

test("nothing shown is no place to go on from", () => {
  assert.equal(opened({ head: 7 }).position(), null);
});

test("it is caught up once the head was shown", () => {
  const cursor = opened({ head: 3 });
  assert.equal(cursor.caughtUp, false);
  trace(cursor, [[1, 2]]);
  assert.equal(cursor.caughtUp, false);
  trace(cursor, [[3]]);
  assert.equal(cursor.caughtUp, true);
  trace(cursor, [[5]]);
  assert.equal(cursor.caughtUp, false, "a hole is something to catch up with");
});

/** @type {[name: string, result: import("../../static/js/protocol/wire.js").JoinResult, outcome: string, then: string][]} */
const RETURNS = [
  ["a recovered return goes on where it was", { epoch: EPOCH, head: 9, recovered: true }, "resumed", "- ? 5"],
  ["an incomplete return skips what is lost, once", { epoch: EPOCH, head: 9, recovered: false }, "incomplete", "- 7 -"],
  ["another log starts over", { epoch: "e2", head: 9, recovered: false }, "replaced", "4 ? 5"],
  ["another log starts over, whatever it says", { epoch: "e2", head: 9, recovered: true }, "replaced", "4 ? 5"],
  ["a log that has shrunk is another one", { epoch: EPOCH, head: 2, recovered: false }, "replaced", "4 ? 5"],
];

for (const [name, result, outcome, then] of RETURNS) {
  test(name, () => {
    const cursor = at(4);
    assert.equal(cursor.join(result), outcome);
    assert.equal(trace(cursor, [[4], [7], [5]]), then);
    assert.equal(trace(cursor, [[99]]), "?");
  });
}

test("another log's empty room starts at its first message", () => {
  const cursor = at(4);
  cursor.join({ epoch: "e2", head: 0, recovered: false });
  assert.deepEqual(cursor.position(), { epoch: "e2", seq: 0 });
  assert.equal(trace(cursor, [[2], [1]]), "? 1");
});

test("any schedule with loss and repeats shows each once and in order", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = seeded(seed);
    const cursor = opened({ head: 0 });
    /** @type {number[]} */
    const shown = [];
    for (let rounds = 0; shown.length < 50 && rounds < 10_000; rounds += 1) {
      // Old, due or after a gap; one message or a page of them.
      const start = Math.max(1, (shown.at(-1) ?? 0) - 3 + Math.floor(random() * 8));
      const length = 1 + Math.floor(random() * 4);
      const page = Array.from({ length }, (_, n) => start + n).filter((seq) => seq <= 50 && 0.1 < random());
      shown.push(...cursor.receive(messagesAt(page)).due.map(({ seq }) => seq));
    }
    assert.deepEqual(shown, Array.from({ length: 50 }, (_, n) => n + 1), `seed ${seed}`);
  }
});

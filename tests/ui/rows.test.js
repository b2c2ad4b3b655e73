// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { rowsOf } from "../../static/js/model/rows.js";
import { messagesAt } from "./fakes.js";

const MINUTE = 60_000;
const NOON = new Date(2026, 5, 1, 12).getTime();
const BOB = { id: "u2", name: "Bob" };

/** @param {number} seq @param {number} minutes @param {import("../../static/js/protocol/wire.js").User} [author] */
const said = (seq, minutes, author) => messagesAt([seq], { at: NOON + minutes * MINUTE, ...(author && { author }) })[0] ?? assert.fail();

/** One word per row; a message that starts a group is in brackets. @param {ReturnType<typeof rowsOf>} rows */
const line = (rows) => rows.map((row) => (row.type === "message" ? (row.startsGroup ? `[${row.key}]` : row.key) : row.type === "note" ? row.text : row.type)).join(" ");

test("messages of one author in a row are one group, until a pause", () => {
  const texts = [said(1, 0), said(2, 1), said(3, 2, BOB), said(4, 3), said(5, 9)];
  assert.equal(line(rowsOf(texts, [], null)), "day [1] 2 [3] [4] [5]");
});

test("who is renamed begins a new group", () => {
  assert.equal(line(rowsOf([said(1, 0), said(2, 0, { id: "u1", name: "Countess" })], [], null)), "day [1] [2]");
});

test("a day begins a new group", () => {
  assert.equal(line(rowsOf([said(1, 719), said(2, 720), said(3, 721)], [], null)), "day [1] day [2] 3");
});

test("the divider stands before the first that is new", () => {
  const texts = [said(1, 0), said(2, 0), said(3, 0)];
  assert.equal(line(rowsOf(texts, [], 2)), "day [1] 2 new [3]");
  assert.equal(line(rowsOf(texts, [], 3)), "day [1] 2 3");
  assert.equal(line(rowsOf(texts, [], 0)), "day [1] 2 3", "all is new");
});

test("notes stand where they came", () => {
  const notes = [{ after: 1, text: "lost", id: 1 }, { after: 9, text: "end", id: 2 }];
  assert.equal(line(rowsOf([said(1, 0), said(2, 0)], notes, null)), "day [1] lost [2] end");
});

test("keys are unique", () => {
  const texts = [said(1, 0), said(2, 720), said(3, -720), said(4, 0)];
  const keys = rowsOf(texts, [{ after: 2, text: "x", id: 1 }], 2).map(({ key }) => key);
  assert.equal(new Set(keys).size, keys.length);
});

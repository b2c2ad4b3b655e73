// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fold, WAITING_MAX } from "../../static/js/model/fold.js";
import { messagesAt, seeded } from "./fakes.js";

const ADA = { id: "u1", name: "Ada" };
const BOB = { id: "u2", name: "Bob" };

/**
 * An amendment of the text with seq 1, which is Ada's.
 *
 * @param {number} seq
 * @param {string} kind
 * @param {string} [text]
 * @param {import("../../static/js/protocol/wire.js").User} [author]
 * @returns {import("../../static/js/protocol/wire.js").Message}
 */
const amendment = (seq, kind, text = "", author = ADA) => ({ room: "lobby", seq, kind, of: 1, author, text, at: 0 });
const [TEXT] = messagesAt([1]);

/** @param {import("../../static/js/protocol/wire.js").Message[]} amendments */
function shown(amendments) {
  const fold = new Fold();
  for (const each of amendments) fold.apply(each);
  assert.ok(TEXT);
  const { text, edited, deleted, reactions } = fold.resolve(TEXT);
  const given = reactions.map((reaction) => `${reaction.text}${reaction.users.map(({ name }) => name).join("+")}`);
  return [deleted ? "deleted" : text, ...(edited ? ["edited"] : []), ...given].join(" ");
}

/** @type {[what: string, amendments: import("../../static/js/protocol/wire.js").Message[], wanted: string][]} */
const CASES = [
  ["a text without amendments is itself", [], "message 1"],
  ["an edit replaces it", [amendment(2, "edit", "better")], "better edited"],
  ["the newest edit counts", [amendment(2, "edit", "better"), amendment(3, "edit", "best")], "best edited"],
  ["also if it comes first", [amendment(3, "edit", "best"), amendment(2, "edit", "better")], "best edited"],
  ["nobody else's edit counts", [amendment(2, "edit", "forged", BOB)], "message 1"],
  ["a deletion is final", [amendment(2, "delete"), amendment(3, "edit", "back")], "deleted edited"],
  ["nobody else's deletion counts", [amendment(2, "delete", "", BOB)], "message 1"],
  ["a deleted text has no reactions", [amendment(2, "react", "+"), amendment(3, "delete")], "deleted"],
  ["reactions are sets", [amendment(2, "react", "+"), amendment(3, "react", "+")], "message 1 +Ada"],
  ["reactions are of several people", [amendment(2, "react", "+"), amendment(3, "react", "+", BOB)], "message 1 +Ada+Bob"],
  ["a reaction is taken back", [amendment(2, "react", "+"), amendment(3, "unreact", "+")], "message 1"],
  ["and given again", [amendment(2, "react", "+"), amendment(3, "unreact", "+"), amendment(4, "react", "+")], "message 1 +Ada"],
  ["one's own only", [amendment(2, "react", "+"), amendment(3, "unreact", "+", BOB)], "message 1 +Ada"],
  ["each reaction is its own", [amendment(2, "react", "+"), amendment(3, "react", "-"), amendment(4, "unreact", "+")], "message 1 -Ada"],
  ["a kind of tomorrow changes nothing", [amendment(2, "pin", "x")], "message 1"],
];

for (const [what, amendments, wanted] of CASES) {
  test(what, () => assert.equal(shown(amendments), wanted));
}

test("any order of any amendments, with repeats, comes to the same", () => {
  const all = [
    amendment(2, "react", "+"), amendment(3, "edit", "a"), amendment(4, "unreact", "+"), amendment(5, "react", "+", BOB),
    amendment(6, "react", "+"), amendment(7, "edit", "b"), amendment(8, "react", "-"), amendment(9, "unreact", "-"),
  ];
  for (let seed = 1; seed <= 100; seed += 1) {
    const random = seeded(seed);
    const shuffled = [...all, ...all].map((each) => ({ each, at: random() })).sort((one, other) => one.at - other.at);
    assert.equal(shown(shuffled.map(({ each }) => each)), "b edited +Bob+Ada", `seed ${seed}`);
  }
});

test("what is about texts that are not there is bounded, and that of the loaded ones is kept", () => {
  const fold = new Fold();
  for (let of = 1; of <= 2 * WAITING_MAX; of += 1) fold.apply({ ...amendment(10_000 + of, "edit", "x"), of });
  fold.prune(1, 10);
  assert.equal(fold.size, 10 + WAITING_MAX);
  assert.ok(TEXT);
  assert.equal(fold.resolve(TEXT).text, "x");
});

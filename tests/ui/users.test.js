// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { mentionBefore, mentions } from "../../static/js/model/mentions.js";
import { hueOf, initialsOf, marksOf, displayName } from "../../static/js/model/users.js";

/** @type {[name: string, seen: string][]} */
const NAMES = [
  ["Ada", "Ada"],
  ["  Ada   Lovelace ", "Ada Lovelace"],
  ["\u200b\u200b", "nameless"],
  ["\u3164", "nameless"],
  ["A\u200bda", "Ada"],
  ["Ada\u202Egnp", "Adagnp"],
  ["<b>Ada</b>", "<b>Ada</b>"],
  ["👩\u200d🚀", "👩\u200d🚀"],
];

for (const [name, seen] of NAMES) {
  test(`the name ${JSON.stringify(name)} is seen as ${seen}`, () => assert.equal(displayName(name), seen));
}

test("initials are of the first and the last word", () => {
  assert.deepEqual(["Ada", "Ada King Lovelace", "guest-1f2e", "\u200b", "👩 x"].map(initialsOf), ["A", "AL", "G1", "N", "👩X"]);
});

test("a hue is the chosen one, or follows from the id", () => {
  assert.equal(hueOf({ id: "u1", name: "Ada", color: 0 }), 0);
  assert.equal(hueOf({ id: "u1", name: "Ada", color: 359 }), 359);
  for (const color of [-1, 360, NaN, undefined]) {
    const hue = hueOf({ id: "u1", name: "Ada", ...(color !== undefined && { color }) });
    assert.equal(hue, hueOf({ id: "u1", name: "Bob" }));
    assert.ok(0 <= hue && hue < 360);
  }
});

test("who looks like someone else is marked by the id", () => {
  const marks = marksOf([
    { id: "aaaa1111", name: "Ada" }, { id: "bbbb2222", name: "A\u200bda " }, { id: "cccc3333", name: "Bob" },
    { id: "aaaa1111", name: "Ada" }, { id: "dddd4444", name: "ada" }, { id: "eeee5555", name: "Áda" },
  ]);
  assert.deepEqual([...marks], [["aaaa1111", "aaaa"], ["bbbb2222", "bbbb"], ["dddd4444", "dddd"], ["eeee5555", "eeee"]]);
});

/** @type {[text: string, name: string, calls: boolean][]} */
const CALLS = [
  ["@Ada", "Ada", true],
  ["hello @ada, come", "Ada", true],
  ["@Adam", "Ada", false],
  ["x@Ada", "Ada", false],
  ["a.@Ada", "Ada", false],
  ["(@Ada)", "Ada", true],
  ["Ada", "Ada", false],
  ["@Adam and @Ada", "Ada", true],
  ["@Ada Lovelace here", "Ada Lovelace", true],
  ["@", "Ada", false],
  ["@ ", " ", false],
];

for (const [text, name, calls] of CALLS) {
  test(`${JSON.stringify(text)} ${calls ? "calls" : "does not call"} ${name}`, () => assert.equal(mentions(text, name), calls));
}

test("a name that is being written is found before the cursor", () => {
  assert.deepEqual(mentionBefore("hi @Ad", 6), { from: 3, prefix: "Ad" });
  assert.deepEqual(mentionBefore("hi @Ada Lo", 10), { from: 3, prefix: "Ada Lo" });
  assert.equal(mentionBefore("hi ada@x", 8), null);
  assert.equal(mentionBefore("@a\nb", 4), null);
  assert.equal(mentionBefore("hi", 2), null);
});

// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { BACK_MS, Calm, WORTH_MS } from "../../static/js/model/calm.js";
import { ALL_IS_WELL } from "../../static/js/model/status.js";
import { handClock } from "./fakes.js";

const LOST = { tone: /** @type {const} */ ("bad"), text: "lost", retry: true };
const BEHIND = { tone: /** @type {const} */ ("busy"), text: "behind", retry: false };

function open() {
  const clock = handClock();
  let changes = 0;
  const calm = new Calm(() => (changes += 1), clock);
  return { calm, clock, shown: () => calm.shown.text, changes: () => changes };
}

test("what is over at once is not said", () => {
  const { calm, clock, changes } = open();
  calm.say(LOST);
  clock.turn(WORTH_MS - 1);
  calm.say(ALL_IS_WELL);
  clock.turn(60_000);
  assert.equal(changes(), 0);
});

test("what lasts is said, with what is true by then", () => {
  const { calm, clock, shown } = open();
  calm.say(LOST);
  calm.say({ ...LOST, text: "lost, again in 3 s" });
  clock.turn(WORTH_MS);
  assert.equal(shown(), "lost, again in 3 s");
  calm.say(BEHIND);
  assert.equal(shown(), "behind");
});

test("a return from an absence that was told of is told, with what was missed", () => {
  const { calm, clock, shown } = open();
  calm.say(LOST);
  clock.turn(WORTH_MS);
  calm.missed(300);
  calm.say(BEHIND);
  calm.say(ALL_IS_WELL);
  assert.match(shown(), /back.*300 messages/);
  clock.turn(BACK_MS);
  assert.equal(shown(), "");
});

test("catching up alone is no absence", () => {
  const { calm, clock, shown } = open();
  calm.say(BEHIND);
  clock.turn(WORTH_MS);
  assert.equal(shown(), "behind");
  calm.say(ALL_IS_WELL);
  assert.equal(shown(), "");
});

test("a second absence takes the place of the word of the first one's end", () => {
  const { calm, clock, shown } = open();
  calm.say(LOST);
  clock.turn(WORTH_MS);
  calm.say(ALL_IS_WELL);
  calm.say(LOST);
  clock.turn(WORTH_MS);
  assert.equal(shown(), "lost");
  clock.turn(BACK_MS);
  assert.equal(shown(), "lost");
});

test("what does not change is not drawn anew", () => {
  const { calm, clock, changes } = open();
  calm.say(LOST);
  clock.turn(WORTH_MS);
  calm.say({ ...LOST });
  calm.say({ ...LOST });
  assert.equal(changes(), 1);
});

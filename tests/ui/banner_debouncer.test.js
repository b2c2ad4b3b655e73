// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { RECONNECTED_MS, BannerDebouncer, SHOW_AFTER_MS } from "../../static/js/model/banner_debouncer.js";
import { NO_BANNER } from "../../static/js/model/status.js";
import { manualClock } from "./fakes.js";

const LOST = { tone: /** @type {const} */ ("bad"), text: "lost", retry: true };
const BEHIND = { tone: /** @type {const} */ ("busy"), text: "behind", retry: false };

function open() {
  const clock = manualClock();
  let changes = 0;
  const calm = new BannerDebouncer(() => (changes += 1), clock);
  return { calm, clock, shown: () => calm.shown.text, changes: () => changes };
}

test("what is over at once is not said", () => {
  const { calm, clock, changes } = open();
  calm.say(LOST);
  clock.advance(SHOW_AFTER_MS - 1);
  calm.say(NO_BANNER);
  clock.advance(60_000);
  assert.equal(changes(), 0);
});

test("what lasts is said, with what is true by then", () => {
  const { calm, clock, shown } = open();
  calm.say(LOST);
  calm.say({ ...LOST, text: "lost, again in 3 s" });
  clock.advance(SHOW_AFTER_MS);
  assert.equal(shown(), "lost, again in 3 s");
  calm.say(BEHIND);
  assert.equal(shown(), "behind");
});

test("a return from an absence that was told of is told, with what was missed", () => {
  const { calm, clock, shown } = open();
  calm.say(LOST);
  clock.advance(SHOW_AFTER_MS);
  calm.missed(300);
  calm.say(BEHIND);
  calm.say(NO_BANNER);
  assert.match(shown(), /back.*300 messages/);
  clock.advance(RECONNECTED_MS);
  assert.equal(shown(), "");
});

test("catching up alone is no absence", () => {
  const { calm, clock, shown } = open();
  calm.say(BEHIND);
  clock.advance(SHOW_AFTER_MS);
  assert.equal(shown(), "behind");
  calm.say(NO_BANNER);
  assert.equal(shown(), "");
});

test("a second absence takes the place of the word of the first one's end", () => {
  const { calm, clock, shown } = open();
  calm.say(LOST);
  clock.advance(SHOW_AFTER_MS);
  calm.say(NO_BANNER);
  calm.say(LOST);
  clock.advance(SHOW_AFTER_MS);
  assert.equal(shown(), "lost");
  clock.advance(RECONNECTED_MS);
  assert.equal(shown(), "lost");
});

test("what does not change is not drawn anew", () => {
  const { calm, clock, changes } = open();
  calm.say(LOST);
  clock.advance(SHOW_AFTER_MS);
  calm.say({ ...LOST });
  calm.say({ ...LOST });
  assert.equal(changes(), 1);
});

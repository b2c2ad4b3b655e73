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
  const banner = new BannerDebouncer(() => (changes += 1), clock);
  return { banner, clock, shown: () => banner.shown.text, changes: () => changes };
}

test("what is over at once is not said", () => {
  const { banner, clock, changes } = open();
  banner.update(LOST);
  clock.advance(SHOW_AFTER_MS - 1);
  banner.update(NO_BANNER);
  clock.advance(60_000);
  assert.equal(changes(), 0);
});

test("what lasts is said, with what is true by then", () => {
  const { banner, clock, shown } = open();
  banner.update(LOST);
  banner.update({ ...LOST, text: "lost, again in 3 s" });
  clock.advance(SHOW_AFTER_MS);
  assert.equal(shown(), "lost, again in 3 s");
  banner.update(BEHIND);
  assert.equal(shown(), "behind");
});

test("a return from an absence that was told of is told, with what was missed", () => {
  const { banner, clock, shown } = open();
  banner.update(LOST);
  clock.advance(SHOW_AFTER_MS);
  banner.reconnected(300);
  banner.update(BEHIND);
  banner.update(NO_BANNER);
  assert.match(shown(), /back.*300 messages/);
  clock.advance(RECONNECTED_MS);
  assert.equal(shown(), "");
});

test("catching up alone is no absence", () => {
  const { banner, clock, shown } = open();
  banner.update(BEHIND);
  clock.advance(SHOW_AFTER_MS);
  assert.equal(shown(), "behind");
  banner.update(NO_BANNER);
  assert.equal(shown(), "");
});

test("a second absence takes the place of the word of the first one's end", () => {
  const { banner, clock, shown } = open();
  banner.update(LOST);
  clock.advance(SHOW_AFTER_MS);
  banner.update(NO_BANNER);
  banner.update(LOST);
  clock.advance(SHOW_AFTER_MS);
  assert.equal(shown(), "lost");
  clock.advance(RECONNECTED_MS);
  assert.equal(shown(), "lost");
});

test("what does not change is not drawn anew", () => {
  const { banner, clock, changes } = open();
  banner.update(LOST);
  clock.advance(SHOW_AFTER_MS);
  banner.update({ ...LOST });
  banner.update({ ...LOST });
  assert.equal(changes(), 1);
});

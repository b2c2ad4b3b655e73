// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { BACKGROUND_MAX, TEXTS_MAX, Timeline } from "../../static/js/model/timeline.js";
import { messagesAt } from "./fakes.js";

/** @param {number} first @param {number} last */
const seqs = (first, last) => messagesAt(Array.from({ length: last - first + 1 }, (_, n) => first + n));
/** @param {number} first @param {number} last */
const page = (first, last, more = 1 < first) => ({ messages: seqs(first, last), more });

function looking() {
  const timeline = new Timeline();
  timeline.inBackground = false;
  return timeline;
}

/** @param {Timeline} timeline */
function span({ texts, first, last, hasOlder, attached }) {
  assert.deepEqual(texts.map(({ seq }) => seq), Array.from({ length: texts.length }, (_, n) => (texts[0]?.seq ?? 0) + n), "no gap");
  return `${first}-${last}${hasOlder ? "+" : ""}${attached ? "" : " detached"}`;
}

test("live messages are appended, and the oldest go", () => {
  const timeline = looking();
  timeline.append(seqs(1, 100));
  assert.equal(span(timeline), "1-100");
  timeline.append(seqs(101, TEXTS_MAX + 50));
  assert.equal(span(timeline), `51-${TEXTS_MAX + 50}+`);
});

test("a reader who is not at the end is left alone: what is new is read later", () => {
  const timeline = looking();
  timeline.append(seqs(1, TEXTS_MAX));
  timeline.append(seqs(TEXTS_MAX + 1, TEXTS_MAX + 5), false);
  assert.equal(span(timeline), `1-${TEXTS_MAX} detached`);
  timeline.append(seqs(TEXTS_MAX + 6, TEXTS_MAX + 6), true);
  timeline.extend(page(TEXTS_MAX + 1, TEXTS_MAX + 6), TEXTS_MAX + 6);
  assert.equal(span(timeline), `7-${TEXTS_MAX + 6}+`);
});

test("reading back cuts the newest, reading on cuts the oldest: memory is bounded over 100,000", () => {
  const timeline = looking();
  timeline.append(seqs(99_901, 100_000));
  while (timeline.hasOlder) timeline.prepend(page(Math.max(1, timeline.first - 100), timeline.first - 1), timeline.first);
  assert.equal(span(timeline), `1-${TEXTS_MAX} detached`);
  while (!timeline.attached) timeline.extend(page(timeline.last + 1, timeline.last + 100), 100_000);
  assert.equal(span(timeline), `${100_000 - TEXTS_MAX + 1}-100000+`);
});

test("a page of what was before something else is not taken, be it empty", () => {
  const timeline = looking();
  timeline.append(seqs(101, 200));
  timeline.moveToBackground();
  timeline.prepend(page(1, 100), 101);
  timeline.prepend({ messages: [], more: false }, 101);
  assert.equal(span(timeline), `${200 - BACKGROUND_MAX + 1}-200+`);
});

test("other kinds do not count as texts that a reader would lose", () => {
  const timeline = looking();
  timeline.append(seqs(1, TEXTS_MAX));
  timeline.append(messagesAt([TEXTS_MAX + 1], { kind: "react", of: 1, text: "+" }), false);
  assert.ok(timeline.attached);
  timeline.append(seqs(TEXTS_MAX + 2, TEXTS_MAX + 2), false);
  assert.ok(!timeline.attached);
});

test("other kinds are no texts, but count as places", () => {
  const timeline = looking();
  timeline.append([...seqs(1, 1), ...messagesAt([2], { kind: "edit", of: 1, text: "better" })]);
  assert.equal(timeline.texts.length, 1);
  assert.equal(timeline.last, 2);
  const [text] = timeline.texts;
  assert.equal(text && timeline.fold.resolve(text).text, "better");
});

test("amendments that come before their text are kept for it", () => {
  const timeline = looking();
  timeline.append([...seqs(51, 60), ...messagesAt([61], { kind: "edit", of: 50, text: "better" })]);
  timeline.prepend(page(41, 50), 51);
  const text = timeline.find(50);
  assert.equal(text && timeline.fold.resolve(text).text, "better");
});

test("amendments that come with a page of history are shown", () => {
  const timeline = looking();
  timeline.append(seqs(51, 60));
  timeline.prepend({ ...page(41, 50), amendments: messagesAt([45_000], { kind: "delete", of: 45, text: "" }) }, 51);
  const text = timeline.find(45);
  assert.equal(text && timeline.fold.resolve(text).deleted, true);
});

test("a search puts it elsewhere, and what is live is not appended there", () => {
  const timeline = looking();
  timeline.append(seqs(901, 1_000));
  timeline.replace(page(301, 400), 1_000);
  timeline.append(seqs(1_001, 1_001));
  assert.equal(span(timeline), "301-400+ detached");
});

test("what is lost for good leaves no hole in the middle", () => {
  const timeline = looking();
  timeline.append(seqs(1, 10));
  timeline.append(seqs(50, 60));
  assert.equal(span(timeline), "50-60+");
});

test("nobody looks: little is kept, and of another part nothing", () => {
  const timeline = looking();
  timeline.append(seqs(1, 500));
  timeline.moveToBackground();
  assert.equal(span(timeline), `${500 - BACKGROUND_MAX + 1}-500+`);
  timeline.append(seqs(501, 600));
  assert.equal(timeline.texts.length, BACKGROUND_MAX);
  timeline.replace(page(1, 100), 600);
  timeline.moveToBackground();
  assert.ok(timeline.empty && !timeline.attached);
});

test("an empty page is the beginning", () => {
  const timeline = looking();
  timeline.append(seqs(5, 6));
  timeline.prepend({ messages: [], more: false }, 5);
  assert.equal(span(timeline), "5-6");
});

// @ts-check
/**
 * Measures how smooth the page is while 50 messages arrive per second and the user types: the share
 * of main-thread tasks longer than 50 ms. Meaningful on an idle machine only.
 */
import { readFileSync } from "node:fs";
import { newMark, openWindow, run } from "./harness.mjs";
import { enter } from "./page.mjs";
import { Speaker } from "./speaker.mjs";

const PER_SECOND = 50;
const SECONDS = 20;
/** The longest task that goes unnoticed, in microseconds, and the share of tasks that may be longer. */
const LONG_US = 50_000;
const LONG_SHARE = 0.01;

await run(async ({ browser, bases: [base], check }) => {
  const room = `bench-${newMark()}`;
  const speaker = await Speaker.open(base, room);
  const { page } = await openWindow(browser, base, { node: "two" });
  await enter(page, base, room, "Ada");
  const path = `/tmp/chorus-bench-${process.pid}.json`;
  await browser.startTracing(page, { path, categories: ["disabled-by-default-devtools.timeline", "devtools.timeline"] });
  const typing = (async () => {
    for (let n = 0; n < SECONDS * 5; n += 1) await page.locator("#input").press("x", { delay: 20 });
  })();
  /** @type {Promise<unknown>[]} */
  const posts = [];
  const began = performance.now();
  for (let n = 0; n < PER_SECOND * SECONDS; n += 1) {
    await page.waitForTimeout(Math.max(0, began + (n * 1_000) / PER_SECOND - performance.now()));
    posts.push(speaker.post(`message ${n} with *some* words and https://example.com/${n}`));
  }
  await Promise.all([typing, ...posts]);
  await page.locator("#messages li[data-seq]", { hasText: `message ${PER_SECOND * SECONDS - 1} ` }).waitFor();
  await browser.stopTracing();

  /** @type {{ traceEvents: { name: string, ph: string, pid: number, tid: number, dur?: number, args: any }[] }} */
  const { traceEvents } = JSON.parse(readFileSync(path, "utf8"));
  const tasks = traceEvents.filter(({ name, dur }) => name === "RunTask" && dur !== undefined);
  const drawn = new Set(traceEvents.filter(({ name }) => name === "UpdateLayoutTree").map(({ pid, tid }) => `${pid}/${tid}`));
  const ours = tasks.filter(({ pid, tid }) => drawn.has(`${pid}/${tid}`)).map(({ dur = 0 }) => dur).sort((one, other) => one - other);
  const long = ours.filter((dur) => LONG_US < dur).length;
  console.log(`${ours.length} tasks, ${long} over 50 ms, the longest ${Math.round((ours.at(-1) ?? 0) / 1_000)} ms; of those over 1 ms the middle one took ${Math.round(middle(ours.filter((dur) => 1_000 < dur)) / 1_000)} ms`);
  await check("at most 1 % of the tasks take more than 50 ms", 0 < ours.length && long <= LONG_SHARE * ours.length);
});

/** @param {number[]} sorted */
function middle(sorted) {
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

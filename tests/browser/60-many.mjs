// @ts-check
/** A room with 100,000 messages: it opens at once, and scrolling through it takes bounded memory. */
import assert from "node:assert/strict";
import { openWindow, run } from "./harness.mjs";
import { Speaker } from "./speaker.mjs";

/** The texts in memory of a room, plus day separators and notes. */
const LINES_MAX = 620;

await run(async ({ browser, check }) => {
  const base = process.env.MANY_URL;
  assert.ok(base, "MANY_URL names a node whose lobby has 100,000 messages");
  const { page, faults } = await openWindow(browser, base);
  await page.goto(base);
  const last = page.locator("#messages li[data-seq='100000']");
  await last.waitFor();

  await check("it is opened at its end", () => page.locator("#messages li[data-seq='99950']").waitFor({ state: "attached" }));
  // Informational: the figure means something on an idle machine only.
  await page.reload();
  await last.waitFor();
  const openedMs = await page.evaluate(() => {
    const [first] = performance.getEntriesByName("chorus:shown");
    return first ? Math.round(first.startTime) : null;
  });
  console.log(`opened in ${openedMs} ms after the navigation began`);

  const lines = () => page.locator("#messages li").count();
  const heap = async () => {
    const session = await page.context().newCDPSession(page);
    await session.send("HeapProfiler.collectGarbage");
    const { usedSize } = await session.send("Runtime.getHeapUsage");
    return usedSize;
  };
  const first = () => page.evaluate(() => Number(document.querySelector("#messages li[data-seq]")?.getAttribute("data-seq")));
  /** @param {number} top */
  const scrollTo = (top) => page.evaluate((top) => document.querySelector("#scroller")?.scrollTo(0, top), top);

  const before = await heap();
  let most = 0;
  await check("history loads as one scrolls up, and the place is kept", async () => {
    for (let turn = 0; turn < 20; turn += 1) {
      const was = await first();
      const anchor = page.locator(`#messages li[data-seq='${was}']`);
      await scrollTo(0);
      await page.waitForFunction((was) => Number(document.querySelector("#messages li[data-seq]")?.getAttribute("data-seq")) < was, was);
      // The first line is still in view, below the ones that were added.
      const box = await anchor.boundingBox();
      assert.ok(box && -50 < box.y && box.y < 800, `it is at ${box?.y}`);
      most = Math.max(most, await lines());
    }
  });
  await check(`at most ${LINES_MAX} lines are in the document`, async () => assert.ok(most <= LINES_MAX, `${most} lines`));
  await check("after 2,000 more messages, no more than 8 MB are", async () => {
    const grown = (await heap()) - before;
    console.log(`the heap grew by ${(grown / 1e6).toFixed(1)} MB, from ${(before / 1e6).toFixed(1)} MB`);
    assert.ok(grown < 8e6);
  });
  await check("reading on leads back to the end", async () => {
    for (let turn = 0; turn < 40; turn += 1) {
      const seen = await page.evaluate(() => Number([...document.querySelectorAll("#messages li[data-seq]")].at(-1)?.getAttribute("data-seq")));
      if (seen === 100_000) break;
      await scrollTo(1e9);
      await page.waitForFunction((seen) => Number([...document.querySelectorAll("#messages li[data-seq]")].at(-1)?.getAttribute("data-seq")) > seen, seen);
    }
    await last.waitFor();
  });
  const end = await first();
  await scrollTo(0);
  await page.waitForFunction((end) => Number(document.querySelector("#messages li[data-seq]")?.getAttribute("data-seq")) < end, end);
  const speaker = await Speaker.open(base, "lobby");
  await speaker.post("one more");
  await check("the latest are a click away, and read once they are here", async () => {
    await page.locator(".rooms .badge", { hasText: "1" }).waitFor();
    await page.locator("#newer", { hasText: "1 new" }).click();
    await page.locator("#messages li[data-seq='100001']").waitFor();
    await page.locator(".rooms .badge").waitFor({ state: "detached" });
    await page.waitForFunction(() => {
      const scroller = document.querySelector("#scroller");
      return scroller && scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 2;
    });
  });
  await check("no page threw, broke its policy or asked a third party", async () => assert.deepEqual(faults, []));
});

// @ts-check
/**
 * Two users in two windows, on one node or two: each sees all messages, once and in one order.
 *
 *     node tests/browser/two_windows.mjs http://127.0.0.1:3000 [http://127.0.0.1:3001] [--screenshot FILE]
 */
import assert from "node:assert/strict";
import { openWindow, run, textsOf } from "./harness.mjs";
import { enter, nameOf, say, TEXT } from "./page.mjs";

await run(async ({ browser, bases, screenshot, check }) => {
  const mark = Math.random().toString(36).slice(2, 8);
  const room = `windows-${mark}`;
  const ada = await openWindow(browser, bases[0]);
  const bob = await openWindow(browser, bases[1]);
  await enter(ada.page, bases[0], room, "Ada");
  await enter(bob.page, bases[1], room, "Bob");

  await check("each window names its node", async () => {
    for (const { page } of [ada, bob]) assert.match((await page.textContent("#node")) ?? "", /connected to node ./);
  });

  await say(ada.page, `hello from Ada ${mark}`);
  await textsOf(bob.page, TEXT, mark, 1);
  await say(bob.page, `hello from Bob ${mark}`);
  await check("both see both messages once, in one order", async () => {
    const wanted = [`hello from Ada ${mark}`, `hello from Bob ${mark}`];
    for (const { page } of [ada, bob]) assert.deepEqual(await textsOf(page, TEXT, mark, 2), wanted);
  });
  await check("both see who said what", async () => {
    for (const { page } of [ada, bob]) {
      const authors = await page.locator("#messages li[data-seq] .author").allTextContents();
      assert.deepEqual(authors, ["Ada", "Bob"]);
    }
  });

  await Promise.all([
    ...[1, 2, 3, 4, 5].map((n) => say(ada.page, `${mark} Ada, at the same time ${n}`)),
    ...[1, 2, 3, 4, 5].map((n) => say(bob.page, `${mark} Bob, at the same time ${n}`)),
  ]);
  await check("both see messages written at the same time once, in one order", async () => {
    const seen = await textsOf(ada.page, TEXT, mark, 12);
    assert.equal(new Set(seen).size, 12);
    assert.deepEqual(await textsOf(bob.page, TEXT, mark, 12), seen);
    assert.equal(seen.length, 12);
  });
  await check("nothing is left unsent", async () => {
    for (const { page } of [ada, bob]) assert.equal(await page.locator("#pending li").count(), 0);
  });

  await bob.page.goto("about:blank");
  await say(ada.page, `${mark} said while Bob was away`);
  await textsOf(ada.page, TEXT, mark, 13);
  await bob.page.goto(`${bases[1]}/#room=${room}`);
  await check("a window that was away sees what it missed", async () => {
    assert.deepEqual(await textsOf(bob.page, TEXT, mark, 13), await textsOf(ada.page, TEXT, mark, 13));
  });
  await check("who returns has kept the name", async () => {
    assert.equal(await nameOf(bob.page), "Bob");
  });

  await check("messages are text, whatever is in them", async () => {
    await say(ada.page, `<img src=x onerror=alert(1)> ${mark} &amp;`);
    const seen = await textsOf(bob.page, TEXT, mark, 14);
    assert.equal(seen.at(-1), `<img src=x onerror=alert(1)> ${mark} &amp;`);
    assert.equal(await bob.page.locator("#messages img").count(), 0);
  });

  await check("no page threw, broke its policy or asked a third party", async () => {
    assert.deepEqual([...ada.faults, ...bob.faults], []);
  });
  if (screenshot) await ada.page.screenshot({ path: screenshot });
});

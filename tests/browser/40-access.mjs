// @ts-check
/** Accessibility: axe finds nothing on the main screens, and the main path works by keyboard alone. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { newMark, openWindow, run } from "./harness.mjs";
import { enter, say } from "./page.mjs";
import { Speaker } from "./speaker.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

await run(async ({ browser, bases: [base], check }) => {
  const mark = newMark();
  const room = `access-${mark}`;
  const speaker = await Speaker.open(base, room, "Bob");
  for (const text of ["hello @Ada", "> quoted\n**strong** *em* `code` https://example.com/", "```\ncode\n```"]) await speaker.post(text);

  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    const { page } = await openWindow(browser, base, { node: "one" }, { colorScheme, reducedMotion: "reduce" });
    await enter(page, base, room, "Ada");
    await say(page, "from Ada");
    await page.locator("#messages .own").first().waitFor();
    await check(`${colorScheme}: the conversation`, () => clean(page));
    await page.locator("#messages .own").last().hover();
    await page.locator(".message .tools").waitFor();
    await check(`${colorScheme}: a message's tools`, () => clean(page));
    for (const drawer of ["Search", "Cluster"]) {
      await page.click(`#head [aria-label=${drawer}]`);
      await page.locator("#drawer header", { hasText: drawer }).waitFor();
      await check(`${colorScheme}: the drawer, ${drawer.toLowerCase()}`, () => clean(page));
    }
    await page.click("#head [aria-label^=People]");
    await page.locator(".people .author").first().waitFor();
    await check(`${colorScheme}: the drawer, people`, () => clean(page));
    await page.click(".whoami");
    await page.locator("#name").waitFor();
    await check(`${colorScheme}: who one is`, () => clean(page));
    await page.press("#name", "Escape");
    await page.click("#head [aria-label='Keyboard shortcuts']");
    await check(`${colorScheme}: the help`, () => clean(page));
    await page.keyboard.press("Escape");
    await page.context().setOffline(true);
    await say(page, "waits");
    await page.locator(".banner").waitFor();
    await check(`${colorScheme}: offline`, () => clean(page));
    await page.context().close();

    const phone = await openWindow(browser, base, { node: "one" }, { colorScheme, viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, reducedMotion: "reduce" });
    await enter(phone.page, base, room);
    await check(`${colorScheme}: a phone`, () => clean(phone.page));
    // A phone would zoom out on a page that is too wide.
    await check(`${colorScheme}: it fits a phone`, async () => assert.equal(await phone.page.evaluate(() => innerWidth), 390));
    await phone.page.click("#head [aria-label^=Rooms]");
    await phone.page.locator("#side.open").waitFor();
    await check(`${colorScheme}: a phone's list of rooms`, () => clean(phone.page));
    await phone.page.keyboard.press("Escape");
    await phone.page.click("#head [aria-label^=People]");
    await phone.page.locator(".people .author").first().waitFor();
    await check(`${colorScheme}: a phone's drawer`, () => clean(phone.page));
    await phone.page.context().close();
  }

  await check("the main path needs a keyboard only", async () => {
    const { page, faults } = await openWindow(browser, base, { node: "two" });
    await page.goto(base);
    await page.locator("#node:not(.off)").waitFor();
    const keys = page.keyboard;
    /** @param {string} selector */
    const focused = (selector) => page.waitForFunction((wanted) => document.activeElement?.matches(wanted), selector);
    await keys.press("Control+k");
    await focused("#room");
    await keys.type(`keys-${mark}`);
    await keys.press("Enter");
    await page.locator("#roomname", { hasText: `keys-${mark}` }).waitFor();
    await focused("#input");
    await keys.type("by keyboard");
    await keys.press("Enter");
    await page.locator("#messages .own", { hasText: "by keyboard" }).waitFor();
    // To the messages, to the last one, and to its tools.
    await page.focus("#scroller");
    await keys.press("ArrowUp");
    await focused("#messages li[data-seq]");
    await keys.press("+");
    await focused(".tools button");
    await keys.press("Enter");
    await page.locator(".reactions button", { hasText: "👍 1" }).waitFor();
    await page.focus("#messages li[data-seq]");
    await keys.press("e");
    await focused("#input");
    await keys.press("End");
    await keys.type(", edited");
    await keys.press("Enter");
    await page.locator("#messages .own", { hasText: "by keyboard, edited" }).waitFor();
    await page.focus("#messages li[data-seq]");
    await keys.press("Delete");
    await focused("#dialog button");
    await keys.press("Enter");
    await page.locator("#messages .gone").waitFor();
    await page.focus("#scroller");
    await keys.press("?");
    await page.locator("#dialog", { hasText: "Keys" }).waitFor();
    await keys.press("Escape");
    await keys.press("Control+Shift+F");
    await focused("#search");
    await keys.press("Escape");
    await keys.press("Alt+ArrowDown");
    await page.locator("#roomname", { hasText: "lobby" }).waitFor();
    assert.deepEqual(faults, []);
  });

  for (const { width, opener, panel, besideX } of [
    { width: 390, opener: "Rooms", panel: "#side.open", besideX: 370 },
    { width: 390, opener: "People", panel: "#drawer .people", besideX: 20 },
    { width: 900, opener: "People", panel: "#drawer .people", besideX: 400 },
  ]) {
    await check(`${width} wide: behind ${opener.toLowerCase()}, the conversation is out of reach until one presses beside it`, async () => {
      const { page } = await openWindow(browser, base, { node: "one" }, { viewport: { width, height: 800 }, reducedMotion: "reduce" });
      await enter(page, base, room);
      await page.click(`#head [aria-label^=${opener}]`);
      await page.locator(panel).waitFor();
      assert.equal(await reachable(page), 0);
      await page.mouse.click(besideX, 300);
      await page.locator(panel).waitFor({ state: "hidden" });
      assert.equal(await page.evaluate((name) => document.activeElement?.matches(`#head [aria-label^=${name}]`), opener), true, "the focus is where it was");
      assert.notEqual(await reachable(page), 0);
      await page.context().close();
    });
  }
  await check("only one panel lies over the conversation", async () => {
    const { page } = await openWindow(browser, base, { node: "one" }, { viewport: { width: 390, height: 800 }, reducedMotion: "reduce" });
    await enter(page, base, room);
    await page.keyboard.press("Control+Shift+F");
    await page.locator("#drawer #search").waitFor();
    await page.keyboard.press("Control+k");
    await page.locator("#side.open").waitFor();
    await page.locator("#drawer").waitFor({ state: "hidden" });
    await page.keyboard.press("Control+Shift+F");
    await page.locator("#drawer #search").waitFor();
    assert.equal(await page.locator("#side.open").count(), 0);
    await page.context().close();
  });
  await check("Escape gives up an edit where it is written only", async () => {
    const { page } = await openWindow(browser, base, { node: "one" });
    await enter(page, base, room);
    await say(page, "to be edited");
    await page.locator("#messages .own", { hasText: "to be edited" }).waitFor();
    await page.press("#input", "ArrowUp");
    await page.fill("#input", "is edited");
    await page.keyboard.press("Control+Shift+F");
    await page.press("#search", "Escape");
    assert.equal(await page.inputValue("#input"), "is edited");
    await page.press("#input", "Escape");
    assert.equal(await page.inputValue("#input"), "");
    await page.context().close();
  });

  await check("what others say is said to screen readers", async () => {
    const { page } = await openWindow(browser, base, { node: "two" });
    await enter(page, base, room);
    await speaker.post("said aloud");
    await page.locator("#announcer", { hasText: "Bob: said aloud" }).waitFor({ state: "attached" });
  });
});

/**
 * The number of elements in the conversation that can be focused.
 *
 * @param {import("playwright-core").Page} page
 */
async function reachable(page) {
  return page.locator("#talk").evaluate((talk) => {
    const stops = [...talk.querySelectorAll(/** @type {"button"} */ ("button, a, textarea, [tabindex]"))];
    return stops.filter((stop) => {
      stop.focus();
      return document.activeElement === stop;
    }).length;
  });
}

/** @param {import("playwright-core").Page} page */
async function clean(page) {
  // The CSP does not apply to scripts evaluated by the debugger.
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (globalThis).axe.run(document, {
      resultTypes: ["violations"],
      // A room's link is a fragment, which axe takes for a link to a part of the page.
      rules: { "skip-link": { enabled: false } },
    });
    return violations.map((/** @type {any} */ { id, nodes }) => `${id}: ${nodes.slice(0, 3).map((/** @type {any} */ node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join(" / ")}`);
  });
  assert.deepEqual(found, []);
}

// @ts-check
/** Hostile input, denied storage, refusals: the page stays usable and says what is wrong. */
import assert from "node:assert/strict";
import { newMark, openWindow, run, textsOf } from "./harness.mjs";
import { connected, enter, rename, say, TEXT } from "./page.mjs";

/** Texts that must be shown as they were written. */
const TEXTS = [
  "<img src=x onerror=alert(1)><script>alert(1)</script> &amp; <b>",
  "javascript:alert(1) data:text/html,<script>alert(1)</script>",
  "\u202Eright to left\u202C and \u2067isolated\u2069",
  "zero\u200Bwidth\u200D\uFEFF\u2060",
  "שלום עולם — مرحبا بالعالم",
  "Z̸̢̛͎̲̈́a̷̡͙͗l̶͉̈́g̸̱͠o̷̝̽",
  "${alert(1)} {{constructor.constructor('alert(1)')()}}",
];

await run(async ({ browser, bases: [base], check }) => {
  const mark = newMark();
  const room = `bad-${mark}`;
  const ada = await openWindow(browser, base, { node: "one" });
  const bob = await openWindow(browser, base, { node: "two" });
  await enter(ada.page, base, room, "<i>Ada</i>");
  await enter(bob.page, base, room, "Bob\u202Eevil", "Bobevil");

  await check("messages are text, whatever is in them", async () => {
    for (const text of TEXTS) await say(ada.page, `${mark} ${text}`);
    assert.deepEqual(await textsOf(bob.page, TEXT, mark, TEXTS.length), TEXTS.map((text) => `${mark} ${text}`));
    assert.equal(await bob.page.locator("#messages img, #messages script, #messages b, #messages a").count(), 0);
    assert.equal(await bob.page.locator("#messages .author").first().textContent(), "<i>Ada</i>");
  });
  await check("8 KiB without a space do not widen the page", async () => {
    await say(ada.page, `${mark}${"x".repeat(8_192 - mark.length)}`);
    await bob.page.locator("#messages li[data-seq]", { hasText: `${mark}xxx` }).waitFor();
    for (const { page } of [ada, bob]) {
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth && [...document.querySelectorAll("#scroller")].every((one) => one.scrollWidth <= one.clientWidth)));
    }
  });
  await check("what is too long is told so, and stays in the field", async () => {
    await ada.page.fill("#input", "y".repeat(8_193));
    await ada.page.press("#input", "Enter");
    await ada.page.locator("#hint", { hasText: "Too long: 8193 bytes of at most 8192" }).waitFor();
    assert.equal((await ada.page.inputValue("#input")).length, 8_193);
    await ada.page.fill("#input", "");
  });
  await check("a name turns nothing around, and has to be seen", async () => {
    await say(bob.page, `${mark} by Bob`);
    await ada.page.locator("#messages li[data-seq]", { hasText: "by Bob" }).waitFor();
    assert.equal(await ada.page.locator("#messages li[data-seq]", { hasText: "by Bob" }).locator(".author").textContent(), "Bobevil");
    await bob.page.click(".whoami");
    await bob.page.fill("#name", "\u200B\u200B");
    await bob.page.click("#dialog .primary");
    await bob.page.locator(".problem", { hasText: "visible character" }).waitFor();
    await bob.page.press("#name", "Escape");
  });
  await check("two of one name are told apart", async () => {
    await rename(bob.page, "Twin");
    await say(bob.page, `${mark} one twin`);
    await rename(ada.page, "Twin");
    await say(ada.page, `${mark} other twin`);
    await ada.page.locator("#messages .mark").nth(1).waitFor();
    const marks = await ada.page.locator("#messages .mark").allTextContents();
    assert.equal(new Set(marks).size, 2);
  });
  await check("an address that names no room says so", async () => {
    await ada.page.evaluate(() => (location.hash = "#room=no such room"));
    await ada.page.locator("#messages .note", { hasText: "A room's name is" }).waitFor();
    assert.match(ada.page.url(), new RegExp(`#room=${room}$`));
  });
  await check("no page threw, broke its policy or asked a third party", async () => assert.deepEqual([...ada.faults, ...bob.faults], []));

  await check("where storage is denied, it says so and works", async () => {
    const { page, faults } = await openWindow(browser, base, { node: "one" });
    await page.addInitScript(() => {
      const denied = () => {
        throw new DOMException("denied", "SecurityError");
      };
      for (const name of ["localStorage", "indexedDB"]) Object.defineProperty(window, name, { get: denied });
    });
    await page.goto(`${base}/#room=${room}`);
    await connected(page);
    await page.locator(".banner.warning", { hasText: "denies storage" }).waitFor();
    await say(page, `${mark} without storage`);
    await page.locator("#messages .own", { hasText: "without storage" }).waitFor();
    assert.deepEqual(faults, []);
    await page.context().close();
  });
  await check("where storage is full, it says so and works", async () => {
    const { page } = await openWindow(browser, base, { node: "one" });
    await page.addInitScript(() => {
      const full = () => {
        throw new DOMException("full", "QuotaExceededError");
      };
      Storage.prototype.setItem = full;
      IDBObjectStore.prototype.put = full;
    });
    await page.goto(`${base}/#room=${room}`);
    await connected(page);
    await say(page, `${mark} with full storage`);
    await page.locator("#messages .own", { hasText: "with full storage" }).waitFor();
    await page.locator(".banner.warning", { hasText: "storage is full" }).waitFor();
    await page.context().close();
  });
  await check("where the clock is wrong by a day, times are the nodes'", async () => {
    const { page } = await openWindow(browser, base, { node: "one" });
    await page.addInitScript(() => {
      const now = Date.now;
      Date.now = () => now() + 86_400_000;
    });
    await page.goto(`${base}/#room=${room}`);
    await connected(page);
    await say(page, `${mark} by a wrong clock`);
    const mine = page.locator("#messages .own", { hasText: "by a wrong clock" });
    await mine.waitFor();
    await page.locator("#messages .day", { hasText: "Today" }).waitFor();
    await page.locator("#messages .own time", { hasText: "now" }).waitFor();
    await page.context().close();
  });
  await check("a message that the node refuses says why, and can be sent again or given up", async () => {
    const { page } = await openWindow(browser, base, { node: "one" });
    await enter(page, base, room);
    // The page sends it, but the node refuses control characters.
    await say(page, `${mark} refused \u0007`);
    const failed = page.locator("#pending .failed", { hasText: "refused" });
    await failed.locator(".fate", { hasText: "not sent:" }).waitFor();
    const nonce = await failed.getAttribute("data-nonce");
    await failed.locator("button", { hasText: "Send again" }).click();
    // It is sent under a new nonce, and refused again.
    await page.locator(`#pending .failed:not([data-nonce="${nonce}"]) .fate`, { hasText: "not sent:" }).waitFor();
    assert.equal(await failed.count(), 1);
    await failed.locator("button", { hasText: "Discard" }).click();
    await page.locator("#pending li").first().waitFor({ state: "detached" });
    await page.context().close();
  });
  await check("a search that is answered with an error says so", async () => {
    const { page } = await openWindow(browser, base, { node: "one" });
    await enter(page, base, room);
    await page.route("**/search?*", (route) => route.fulfill({ status: 503, json: { error: { code: "unavailable", detail: "the log cannot be read" } } }));
    await page.click("#head [aria-label=Search]");
    await page.fill("#search", "word");
    await page.locator("#drawer .sub", { hasText: "the log cannot be read" }).waitFor();
    await page.context().close();
  });
});

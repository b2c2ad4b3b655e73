// @ts-check
/** Desktop notifications: when they are shown, and a browser that cannot show them. */
import assert from "node:assert/strict";
import { newMark, openWindow, run } from "./harness.mjs";
import { enter } from "./page.mjs";
import { Speaker } from "./speaker.mjs";

/** @typedef {{ title: string, body: string, onclick: () => void, close: () => void }} Notice */

await run(async ({ browser, bases: [base], check }) => {
  const mark = newMark();
  const [room, other] = [`notices-${mark}`, `elsewhere-${mark}`];
  const speaker = await Speaker.open(base, room, "Bob");
  await speaker.post("before", other);

  /**
   * Opens a window whose notifications are recorded, and which has no focus while `away` is set.
   *
   * @param {{ throws?: boolean }} [options] Whether `Notification` throws, as in Chrome for Android.
   */
  const open = async ({ throws = false } = {}) => {
    const window = await openWindow(browser, base, { node: "one" });
    await window.page.context().grantPermissions(["notifications"], { origin: base });
    await window.page.addInitScript(record, throws);
    await enter(window.page, base, room, "Ada");
    await window.page.click("#head [aria-label='Turn desktop notifications on']");
    await window.page.locator("#head [aria-label='Desktop notifications are on']").waitFor();
    return window;
  };
  /** @param {import("playwright-core").Page} page @param {string} text */
  const drawn = (page, text) => page.locator("#messages li[data-seq]", { hasText: text }).waitFor();
  /** @param {import("playwright-core").Page} page */
  const notices = (page) => page.evaluate(() => /** @type {any} */ (window).notices.map((/** @type {Notice} */ { title, body }) => `${title}: ${body}`));
  /** @param {import("playwright-core").Page} page @param {boolean} away */
  const goAway = (page, away) => page.evaluate((now) => void Object.assign(window, { away: now }), away);

  const { page, faults } = await open();
  await check("who looks is not notified", async () => {
    await speaker.post("seen at once");
    await drawn(page, "seen at once");
    assert.deepEqual(await notices(page), []);
  });
  await check("who does not look is notified of what is said in the room", async () => {
    await goAway(page, true);
    await speaker.post("not seen");
    await drawn(page, "not seen");
    assert.deepEqual(await notices(page), [`Bob in ${room}: not seen`]);
  });
  await check("of other rooms, a notification comes for a mention only, and leads there", async () => {
    await page.evaluate((hash) => (location.hash = hash), `room=${other}`);
    await page.locator("#roomname", { hasText: other }).waitFor();
    await drawn(page, "before");
    await speaker.post("nothing for her");
    await speaker.post("this for @Ada");
    await page.waitForFunction(() => 1 < /** @type {any} */ (window).notices.length);
    assert.deepEqual((await notices(page)).slice(1), [`Bob in ${room}: this for @Ada`]);
    await page.evaluate(() => /** @type {any} */ (window).notices[1].onclick());
    await page.locator("#roomname", { hasText: room }).waitFor();
  });
  await check("who has turned them off gets none", async () => {
    await page.click("#head [aria-label='Desktop notifications are on']");
    await page.locator("#head [aria-label='Turn desktop notifications on']").waitFor();
    await speaker.post("unheard");
    await drawn(page, "unheard");
    assert.equal((await notices(page)).length, 2);
    assert.deepEqual(faults, []);
    await page.context().close();
  });

  await check("where the browser grants notifications and then throws, it costs nothing", async () => {
    const phone = await open({ throws: true });
    await goAway(phone.page, true);
    await speaker.post("thrown at");
    await drawn(phone.page, "thrown at");
    await phone.page.locator("#head [aria-label^='Desktop notifications']").waitFor({ state: "detached" });
    await speaker.post("thrown at no more");
    await drawn(phone.page, "thrown at no more");
    assert.equal(await phone.page.evaluate(() => /** @type {any} */ (window).tried), 1);
    assert.deepEqual(phone.faults, []);
    await phone.page.context().close();
  });
});

/**
 * Replaces the browser's notifications by recorders.
 *
 * @param {boolean} throws
 */
function record(throws) {
  /** @type {any} */
  const page = Object.assign(window, { notices: /** @type {Notice[]} */ ([]), tried: 0, away: false });
  document.hasFocus = () => !page.away;
  page.Notification = class {
    static permission = "granted";
    static requestPermission = async () => "granted";
    onclick = () => {};
    close = () => {};

    /** @param {string} title @param {{ body: string }} options */
    constructor(title, { body }) {
      page.tried += 1;
      if (throws) throw new TypeError("Failed to construct 'Notification': Illegal constructor.");
      this.title = title;
      this.body = body;
      page.notices.push(this);
    }
  };
}

// @ts-check
/** Rooms: finding, creating and leaving them, unread counts, and many rooms. */
import assert from "node:assert/strict";
import { newMark, openWindow, run } from "./harness.mjs";
import { connected, enter, say } from "./page.mjs";
import { Speaker } from "./speaker.mjs";

await run(async ({ browser, bases: [base], check }) => {
  const mark = newMark();
  const [home, other] = [`home-${mark}`, `other-${mark}`];
  const ada = await openWindow(browser, base, { node: "one" });
  const { page } = ada;
  /** @param {string} room */
  const room = (room) => page.locator(".rooms a", { has: page.locator(".name", { hasText: new RegExp(`^${room}$`) }) });

  await page.goto(base);
  await page.locator("#roomname", { hasText: "lobby" }).waitFor();
  await check("who names no room is in the lobby", async () => assert.equal(await room("lobby").getAttribute("aria-current"), "page"));

  await check("who is in no other room is not asked to leave it", async () => {
    assert.equal(await page.locator("#head [aria-label='Leave this room']").count(), 0);
  });

  await enter(page, base, home, "Ada");
  await check("a room that is followed by its address is among one's own", () => room(home).waitFor());
  await check("a room is created by its name", async () => {
    await page.fill("#room", other);
    await page.press("#room", "Enter");
    await page.locator("#roomname", { hasText: other }).waitFor();
    assert.match(page.url(), new RegExp(`#room=${other}$`));
    await say(page, "first");
    await page.locator("#messages li[data-seq]", { hasText: "first" }).waitFor();
  });
  await check("a name that is none is told so", async () => {
    await page.fill("#room", "not a name");
    await page.locator(".nothing", { hasText: "A room's name is" }).waitFor();
    await page.fill("#room", "");
  });
  await check("the way back leads to the room before", async () => {
    await page.goBack();
    await page.locator("#roomname", { hasText: home }).waitFor();
  });

  const speaker = await Speaker.open(base, other, "Bob");
  for (const text of ["one", "two", "three for @Ada"]) await speaker.post(text);
  await check("what is said elsewhere is counted, mentions apart, also in the title", async () => {
    await room(other).locator(".badge:not(.calls)", { hasText: "3" }).waitFor();
    await room(other).locator(".badge.calls", { hasText: "@1" }).waitFor();
    await room(other).locator(".last", { hasText: "three for @Ada" }).waitFor();
    await page.waitForFunction((home) => document.title === `(@1) ${home} · Chorus`, home);
    assert.match((await page.getAttribute("#icon", "href")) ?? "", /^data:image\/svg/);
  });
  await page.reload();
  await connected(page);
  await check("it is counted after a reload, too", () => room(other).locator(".badge:not(.calls)", { hasText: "3" }).waitFor());
  await room(other).click();
  await check("who looks sees where the new ones begin, and has read them", async () => {
    await page.locator("#messages .new + li", { hasText: "one" }).waitFor();
    await room(other).locator(".badge").first().waitFor({ state: "detached" });
    await page.waitForFunction((other) => document.title === `${other} · Chorus`, other);
  });
  await check("another window of the same person has read them as well", async () => {
    const second = await page.context().newPage();
    await second.goto(`${base}/#room=${home}`);
    await connected(second);
    await second.locator(".rooms .last", { hasText: "three for @Ada" }).waitFor();
    // A read position is stored a moment later, and the other windows then get a storage event.
    await second.waitForFunction(() => !document.querySelector(".rooms .badge"));
    await second.close();
  });
  await check("what is written elsewhere is a draft of that room", async () => {
    await page.fill("#input", "for the other");
    await room(home).click();
    await page.locator("#roomname", { hasText: home }).waitFor();
    assert.equal(await page.inputValue("#input"), "");
    await room(other).click();
    await page.waitForFunction(() => document.querySelector("textarea")?.value === "for the other");
    await page.fill("#input", "");
  });
  await check("an edit under way is there again when one returns to its room", async () => {
    await page.press("#input", "ArrowUp");
    assert.equal(await page.inputValue("#input"), "first");
    await page.fill("#input", "first, better");
    await room(home).click();
    await page.locator("#roomname", { hasText: home }).waitFor();
    assert.equal(await page.inputValue("#input"), "");
    await room(other).click();
    await page.waitForFunction(() => document.querySelector("textarea")?.value === "first, better");
    await page.press("#input", "Enter");
    await page.locator("#messages .own", { hasText: "first, better" }).waitFor();
    assert.equal(await page.inputValue("#input"), "");
  });
  await check("a room is left, and no longer counted", async () => {
    await page.click("#head [aria-label='Leave this room']");
    await page.click("#dialog .danger");
    await page.locator("#roomname", { hasText: home }).waitFor();
    await page.locator("h2:has-text('Other rooms')").waitFor();
    assert.equal(await page.locator(".rooms:not(.others) a", { hasText: other }).count(), 0);
    await room(other).waitFor();
  });

  const many = Array.from({ length: 500 }, (_, n) => `many-${mark}-${n}`);
  for (let at = 0; at < many.length; at += 50) {
    await Promise.all(many.slice(at, at + 50).map((name) => speaker.post("hello", name)));
  }
  await page.reload();
  await connected(page);
  await check("500 rooms are listed, and one is found by its name", async () => {
    await page.waitForFunction(() => 400 < document.querySelectorAll(".rooms.others a").length);
    await page.fill("#room", `many-${mark}-499`);
    await page.waitForFunction(() => document.querySelectorAll(".rooms.others a").length === 1);
    await page.press("#room", "Enter");
    await page.locator("#messages li[data-seq]", { hasText: "hello" }).waitFor();
  });
  await check("among 500 rooms, writing is still quick", async () => {
    // A page in the background is drawn once a second.
    await page.bringToFront();
    const tookMs = await page.evaluate(async () => {
      const input = /** @type {HTMLTextAreaElement} */ (document.querySelector("#input"));
      const began = performance.now();
      for (let n = 0; n < 20; n += 1) {
        input.value += "x";
        input.dispatchEvent(new Event("input", { bubbles: true }));
        await new Promise((drawn) => requestAnimationFrame(drawn));
      }
      return (performance.now() - began) / 20;
    });
    assert.ok(tookMs < 100, `${tookMs} ms a key`);
  });

  await check("no page threw, broke its policy or asked a third party", async () => assert.deepEqual(ada.faults, []));
});

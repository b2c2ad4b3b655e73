// @ts-check
/**
 * Takes the documents' pictures into the folder PICTURES: `PICTURES=docs/img tests/browser/run 7`.
 * Needs the fonts of Debian's packages fonts-inter and fonts-noto-color-emoji.
 */
import { mkdirSync } from "node:fs";
import { openWindow, run } from "./harness.mjs";
import { enter, rename } from "./page.mjs";
import { Speaker } from "./speaker.mjs";

/** The conversation: author and text. */
const TALK = [
  ["Ada", "Morning! The new build is on all three nodes since 9:40."],
  ["Grace", "> is on all three nodes\nSaw it. I was on the one you restarted, and noticed **nothing**. It just said I was back."],
  ["Ada", "That is the idea. What you typed meanwhile?"],
  ["Grace", "Arrived once, in its place. I checked with\n```\ncurl -s localhost:8080/api/rooms/lobby/messages?limit=3\n```"],
  ["Linus", "Can somebody look at https://example.com/chorus/issues/42 with me? The cursor is behind by one after a *replaced* log."],
  ["Grace", "@Linus in ten minutes, I am still writing the notes for tomorrow"],
  ["Barbara", "Tomorrow's demo: kill a node while everybody types. I bring the cake 🎂"],
  ["Linus", "then I bring `kill -9`"],
];

await run(async ({ browser, bases: [base], check }) => {
  const folder = process.env.PICTURES ?? "docs/img";
  mkdirSync(folder, { recursive: true });
  const rooms = ["design", "incidents", "music", "releases"];
  /** @type {Map<string, import("playwright-core").Page>} */
  const pages = new Map();
  for (const [n, [name, hue]] of [["Ada", 285], ["Grace", 160], ["Linus", 40], ["Barbara", 350]].entries()) {
    const { page } = await openWindow(browser, base, { node: n % 2 === 0 ? "one" : "two" }, { deviceScaleFactor: 2 });
    await enter(page, base, "lobby", String(name));
    await page.click(".whoami");
    await page.locator("#hue").evaluate((input, hue) => {
      /** @type {HTMLInputElement} */ (input).value = String(hue);
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }, hue);
    await page.click("#dialog .primary");
    await page.locator("#dialog").waitFor({ state: "hidden" });
    pages.set(String(name), page);
  }
  const ada = pages.get("Ada");
  const grace = pages.get("Grace");
  if (!ada || !grace) throw new Error("they are here");

  for (const room of rooms) {
    await ada.goto(`${base}/#room=${room}`);
    await ada.locator("#roomname", { hasText: room }).waitFor();
    await ada.locator("#empty, #messages li[data-seq]").first().waitFor();
  }
  await ada.goto(`${base}/#lobby`);
  await ada.locator("#roomname", { hasText: "lobby" }).waitFor();
  const bot = await Speaker.open(base, "design", "Grace");
  await bot.post("The hue is yours, the contrast is ours.", "design");
  await bot.post("Moved the drawer's graphs to SVG", "design");
  await bot.post("@Ada could you have a look at node two?", "incidents");
  await bot.post("0.4 is tagged", "releases");
  await bot.post("something slow for the afternoon", "music");
  for (const page of pages.values()) await page.bringToFront();

  for (const [name = "", text = ""] of TALK) {
    const page = pages.get(name);
    await page?.fill("#input", text);
    await page?.press("#input", "Enter");
    await ada.locator("#messages li[data-seq]", { hasText: (text.split("\n").at(-1) ?? "").replace(/[*`@]/g, "").slice(0, 20) || "curl" }).first().waitFor();
  }
  await react(grace, "I bring the cake", "🎉");
  await react(ada, "I bring the cake", "🎉");
  await react(ada, "I bring the cake", "👍");
  // Something that arrives meanwhile would move the line away from under the pointer.
  await grace.locator(".reactions button", { hasText: "👍 1" }).waitFor();
  await react(grace, "kill -9", "😄");

  await ada.bringToFront();
  await ada.locator(".badge.calls").waitFor();
  await grace.locator("#input").pressSequentially("A");
  await check("the cluster drawer, light", async () => {
    await ada.click("#head [aria-label=Cluster]");
    await ada.locator(".deliveries li").first().waitFor();
    await ada.mouse.move(640, 780);
    await ada.screenshot({ path: `${folder}/page-cluster.png` });
  });
  await check("the conversation, light and dark", async () => {
    await ada.click("#head [aria-label^=People]");
    await ada.locator(".people .author").nth(3).waitFor();
    await grace.locator("#input").pressSequentially("nd");
    await ada.mouse.move(640, 780);
    await ada.focus("#input");
    await ada.screenshot({ path: `${folder}/page-desktop.png` });
    await ada.emulateMedia({ colorScheme: "dark" });
    await ada.screenshot({ path: `${folder}/page-dark.png` });
  });
  await check("offline, with what waits", async () => {
    await ada.emulateMedia({ colorScheme: "light" });
    await ada.click("#drawer [aria-label=Close]");
    await ada.context().setOffline(true);
    await ada.fill("#input", "On the train now: this waits here, and is sent once there is a network again.");
    await ada.press("#input", "Enter");
    await ada.locator(".banner", { hasText: "offline" }).waitFor();
    await ada.screenshot({ path: `${folder}/page-offline.png` });
    await ada.context().setOffline(false);
  });
  await check("a phone", async () => {
    const { page } = await openWindow(browser, base, { node: "two" }, { viewport: { width: 390, height: 780 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true, colorScheme: "dark" });
    await enter(page, base, "lobby");
    await page.click("#head [aria-label^=Rooms]");
    await page.locator("#side.open").waitFor();
    await page.waitForFunction(() => document.querySelector("#side")?.getBoundingClientRect().left === 0);
    await rename(page, "Margaret");
    await page.locator("#side.open [aria-label^=Close]").click();
    await page.waitForFunction(() => (document.querySelector("#side")?.getBoundingClientRect().right ?? 1) <= 0);
    await page.locator("#messages li[data-seq]").last().waitFor();
    await page.screenshot({ path: `${folder}/page-phone.png` });
    await page.click("#head [aria-label^=Rooms]");
    await page.locator("#side.open").waitFor();
    await page.waitForFunction(() => document.querySelector("#side")?.getBoundingClientRect().left === 0);
    await page.screenshot({ path: `${folder}/page-phone-rooms.png` });
  });
});

/**
 * @param {import("playwright-core").Page} page
 * @param {string} text
 * @param {string} reaction
 */
async function react(page, text, reaction) {
  await page.bringToFront();
  const message = page.locator("#messages li[data-seq]", { hasText: text }).last();
  await message.hover();
  await message.locator(`.tools [aria-label="React with ${reaction}"]`).click();
  await page.locator(".reactions button", { hasText: reaction }).first().waitFor();
  await page.mouse.move(5, 5);
}

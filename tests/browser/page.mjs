// @ts-check
/** User actions on the page; each waits until it has taken effect. */

/** @typedef {import("playwright-core").Page} Page */

/** The selector of the texts of a room's messages. */
export const TEXT = "#messages li[data-seq] .text";

/**
 * Opens a room under a name.
 *
 * @param {Page} page
 * @param {string} base
 * @param {string} room
 * @param {string} [name]
 * @param {string} [seen] The name as it is displayed.
 */
export async function enter(page, base, room, name, seen = name) {
  await page.goto(`${base}/#room=${room}`);
  await connected(page);
  if (name !== undefined) await rename(page, name, seen);
}

/**
 * Waits until the page is connected and has loaded its room.
 *
 * @param {Page} page
 */
export async function connected(page) {
  await page.locator("#node:not(.off)").waitFor({ state: "attached" });
  await page.locator("#empty, #messages li[data-seq]").first().waitFor();
}

/**
 * @param {Page} page
 * @param {string} name
 * @param {string} [seen] The name as it is displayed.
 */
export async function rename(page, name, seen = name) {
  await page.click(".whoami");
  await page.fill("#name", name);
  await page.click("#dialog .primary");
  await page.locator("#dialog").waitFor({ state: "hidden" });
  await page.locator(".whoami .author", { hasText: seen }).waitFor();
  await page.locator("#node:not(.off)").waitFor({ state: "attached" });
}

/** @param {Page} page */
export async function nameOf(page) {
  return page.textContent(".whoami .author");
}

/**
 * @param {Page} page
 * @param {string} text
 */
export async function say(page, text) {
  // In one step, since several of these run concurrently.
  await page.evaluate((words) => {
    const input = /** @type {HTMLTextAreaElement} */ (document.querySelector("#input"));
    input.value = words;
    input.form?.requestSubmit();
  }, text);
}

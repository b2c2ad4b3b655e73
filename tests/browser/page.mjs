// @ts-check
/** What people do on the page, in steps that wait until they are done. */

/** @typedef {import("playwright-core").Page} Page */

/** Where the texts of a room's messages are. */
export const TEXT = "#messages li[data-seq] .text";

/**
 * Opens a room under a name.
 *
 * @param {Page} page
 * @param {string} base
 * @param {string} room
 * @param {string} [name]
 * @param {string} [seen] How the name is seen.
 */
export async function enter(page, base, room, name, seen = name) {
  await page.goto(`${base}/#room=${room}`);
  await connected(page);
  if (name !== undefined) await rename(page, name, seen);
}

/**
 * Waits until a node has the page, and the page all that is in its room.
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
 * @param {string} [seen] How it is seen.
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
  // In one step: several of these run at a time.
  await page.evaluate((words) => {
    const input = /** @type {HTMLTextAreaElement} */ (document.querySelector("#input"));
    input.value = words;
    input.form?.requestSubmit();
  }, text);
}

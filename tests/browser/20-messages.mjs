// @ts-check
/** Everything that users do with messages; each effect is checked on the other node. */
import assert from "node:assert/strict";
import { newMark, openWindow, run } from "./harness.mjs";
import { connected, enter, say } from "./page.mjs";

await run(async ({ browser, bases: [base], check }) => {
  const room = `messages-${newMark()}`;
  const ada = await openWindow(browser, base, { node: "one" });
  const bob = await openWindow(browser, base, { node: "two" });
  await enter(ada.page, base, room, "Ada");
  await enter(bob.page, base, room, "Bob");
  /** @param {import("playwright-core").Page} page @param {string} text */
  const message = (page, text) => page.locator("#messages li[data-seq]", { hasText: text });
  /** @param {import("playwright-core").Page} page @param {string} text @param {string} tool */
  const press = async (page, text, tool) => {
    // A message that moves under a resting pointer does not become active.
    await page.mouse.move(0, 0);
    await message(page, text).hover();
    await message(page, text).locator(`.tools [aria-label="${tool}"]`).click();
  };

  await say(ada.page, "first wrods");
  await message(bob.page, "first wrods").waitFor();

  await check("the other's writing is seen", async () => {
    await ada.page.locator("#input").pressSequentially("hel");
    await bob.page.locator("#typing", { hasText: "Ada is writing" }).waitFor();
    await ada.page.fill("#input", "");
  });
  await check("who is here is seen, from both nodes", async () => {
    for (const { page } of [ada, bob]) await page.locator("#head [aria-label='People, 2 here']").waitFor();
    await bob.page.click("#head [aria-label='People, 2 here']");
    // He was a guest a moment ago; changed names are published twice a second.
    await bob.page.locator(".people .author", { hasText: /^Bob$/ }).waitFor();
    assert.deepEqual(await bob.page.locator(".people .author").allTextContents(), ["Ada", "Bob"]);
    await bob.page.click("#drawer [aria-label=Close]");
  });

  await check("an edit crosses", async () => {
    await press(ada.page, "first wrods", "Edit");
    await ada.page.fill("#input", "first words");
    await ada.page.press("#input", "Enter");
    for (const { page } of [ada, bob]) {
      await message(page, "first words").locator(".edited").waitFor();
      assert.equal(await message(page, "first wrods").count(), 0);
    }
  });
  await check("the arrow up edits the last own message", async () => {
    await ada.page.focus("#input");
    await ada.page.press("#input", "ArrowUp");
    assert.equal(await ada.page.inputValue("#input"), "first words");
    await ada.page.press("#input", "Escape");
    assert.equal(await ada.page.inputValue("#input"), "");
  });
  await check("a reaction crosses, and is taken back", async () => {
    await press(bob.page, "first words", "React with 👍");
    await message(ada.page, "first words").locator(".reactions button", { hasText: "👍 1" }).click();
    await message(bob.page, "first words").locator(".reactions button", { hasText: "👍 2" }).waitFor();
    await press(bob.page, "first words", "React with 👍");
    await message(ada.page, "first words").locator(".reactions button", { hasText: "👍 1" }).waitFor();
  });
  await check("a reply quotes and calls, and who is called sees it", async () => {
    await press(bob.page, "first words", "Reply");
    assert.equal(await bob.page.inputValue("#input"), "> first words\n@Ada ");
    await bob.page.locator("#input").press("End");
    await bob.page.locator("#input").pressSequentially("indeed");
    await bob.page.press("#input", "Enter");
    await ada.page.locator("#messages .calls", { hasText: "indeed" }).waitFor();
    assert.equal(await message(ada.page, "indeed").locator("blockquote").textContent(), "first words");
  });
  await check("names are offered after an @", async () => {
    await ada.page.locator("#input").pressSequentially("hello @bo");
    await ada.page.locator("#names li", { hasText: "Bob" }).waitFor();
    await ada.page.press("#input", "Tab");
    assert.equal(await ada.page.inputValue("#input"), "hello @Bob ");
    await ada.page.fill("#input", "");
  });
  await check("a reply during an edit loses neither the draft nor the edit", async () => {
    const { page } = ada;
    await say(page, "third wrods");
    await message(bob.page, "third wrods").waitFor();
    await page.fill("#input", "a draft");
    await press(page, "third wrods", "Edit");
    await page.fill("#input", "third words");
    await press(page, "indeed", "Reply");
    assert.equal(await page.inputValue("#input"), "> @Ada indeed\n@Bob a draft");
    await page.click("#mode button:has-text('Continue')");
    assert.equal(await page.inputValue("#input"), "third words");
    await page.press("#input", "Escape");
    assert.equal(await page.inputValue("#input"), "> @Ada indeed\n@Bob a draft");
    assert.equal(await page.locator("#mode button").count(), 0);
    await page.fill("#input", "");
  });
  await check("an edit waits while another message is edited, and over a reload", async () => {
    const { page } = ada;
    await say(page, "fourth wrods");
    await message(bob.page, "fourth wrods").waitFor();
    await press(page, "third wrods", "Edit");
    await page.fill("#input", "third words");
    await press(page, "fourth wrods", "Edit");
    assert.equal(await page.inputValue("#input"), "fourth wrods");
    await press(page, "third wrods", "Edit");
    assert.equal(await page.inputValue("#input"), "third words");
    await page.reload();
    await connected(page);
    assert.equal(await page.inputValue("#input"), "third words");
    await page.press("#input", "Enter");
    await message(bob.page, "third words").waitFor();
    assert.equal(await page.inputValue("#input"), "");
  });
  await check("who is called from the list of people is called", async () => {
    const { page } = ada;
    await page.fill("#input", "hello");
    await page.click("#head [aria-label^=People]");
    await page.click("#drawer [title='Mention Bob']");
    assert.equal(await page.inputValue("#input"), "hello @Bob ");
    await page.fill("#input", "");
    await page.click("#drawer [aria-label=Close]");
  });
  await check("a deletion crosses, and is final", async () => {
    const first = ada.page.locator("#messages .own", { hasText: "first words" });
    await first.hover();
    await first.locator(".tools [aria-label=Delete]").click();
    await ada.page.click("#dialog .danger");
    for (const { page } of [ada, bob]) {
      await page.locator("#messages .gone").waitFor();
      assert.equal(await message(page, "first words").locator("blockquote").count(), 1, "only the quote of it is left");
    }
  });
  await check("who comes later sees what became of all", async () => {
    const late = await openWindow(browser, base, { node: "one" });
    await enter(late.page, base, room);
    await late.page.locator("#messages .gone").waitFor();
    await late.page.context().close();
  });
  await check("several lines, code and emphasis are shown as such", async () => {
    await ada.page.locator("#input").pressSequentially("one **two**");
    await ada.page.press("#input", "Shift+Enter");
    await ada.page.locator("#input").pressSequentially("`three`");
    await ada.page.press("#input", "Enter");
    const text = message(bob.page, "one two").locator(".text");
    assert.equal(await text.textContent(), "one two\nthree");
    assert.equal(await text.locator("strong").textContent(), "two");
    assert.equal(await text.locator("code").textContent(), "three");
  });
  await check("the search finds words in any form, and leads there", async () => {
    await say(ada.page, "Crème brûlée for dessert");
    await message(bob.page, "Crème").waitFor();
    await bob.page.keyboard.press("Control+Shift+F");
    await bob.page.fill("#search", "dess creme");
    await bob.page.locator(".found button", { hasText: "Crème brûlée" }).click();
    await bob.page.locator("#messages .found", { hasText: "Crème" }).waitFor();
    await bob.page.click("#drawer [aria-label=Close]");
  });
  await check("the browser is asked once not to throw away what is not yet sent, and may deny it", async () => {
    const { page, faults } = await openWindow(browser, base, { node: "one" });
    await page.addInitScript(() => {
      Object.assign(window, { asked: 0 });
      navigator.storage.persist = async () => {
        /** @type {any} */ (window).asked += 1;
        throw new TypeError("denied");
      };
    });
    await enter(page, base, `${room}-kept`);
    for (const text of ["one", "two"]) {
      await say(page, text);
      await message(page, text).waitFor();
    }
    await page.waitForFunction(() => 0 < /** @type {any} */ (window).asked);
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).asked), 1);
    assert.deepEqual(faults, []);
    await page.context().close();
  });
  await check("who leaves is no longer there", async () => {
    await bob.page.context().close();
    await ada.page.locator("#head [aria-label='People, 1 here']").waitFor();
  });

  await check("no page threw, broke its policy or asked a third party", async () => {
    assert.deepEqual([...ada.faults, ...bob.faults], []);
  });
});

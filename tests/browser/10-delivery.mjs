// @ts-check
/**
 * Delivery: two users on two nodes chat, one goes offline and returns, and what was written meanwhile
 * arrives once.
 */
import assert from "node:assert/strict";
import { newMark, NODES, openWindow, run, textsOf } from "./harness.mjs";
import { connected, enter, say, TEXT } from "./page.mjs";
import { Speaker } from "./speaker.mjs";

await run(async ({ browser, bases: [base], check }) => {
  const mark = newMark();
  const { one, two } = NODES;
  const room = `delivery-${mark}`;
  const ada = await openWindow(browser, base, { node: "one" });
  const bob = await openWindow(browser, base, { node: "two" });
  await enter(ada.page, base, room, "Ada");
  await enter(bob.page, base, room, "Bob");

  await check("two people are on two nodes", async () => {
    assert.equal(await ada.page.textContent("#node"), `connected to node ${one.name}`);
    assert.equal(await bob.page.textContent("#node"), `connected to node ${two.name}`);
  });

  await say(ada.page, `${mark} from Ada`);
  await textsOf(bob.page, TEXT, mark, 1);
  await say(bob.page, `${mark} from Bob`);
  await check("they chat across the nodes", async () => {
    for (const { page } of [ada, bob]) assert.deepEqual(await textsOf(page, TEXT, mark, 2), [`${mark} from Ada`, `${mark} from Bob`]);
  });

  await bob.page.context().setOffline(true);
  await check("who is offline is told so", () => bob.page.locator(".banner", { hasText: "You are offline" }).waitFor());
  const speaker = await Speaker.open(base, room);
  const said = Array.from({ length: 300 }, (_, n) => `${mark} meanwhile ${n + 1}`);
  for (const text of said) await speaker.post(text);
  await say(bob.page, `${mark} typed offline`);
  await check("what is typed offline is shown as waiting", () => bob.page.locator("#pending .waiting", { hasText: "typed offline" }).waitFor());

  await bob.page.context().setOffline(false);
  await check("the return is told, with what was missed", () => bob.page.locator(".banner[data-tone=good]", { hasText: "300 messages" }).waitFor());
  await check("who returns has exactly the 300, in order, and what was typed offline once", async () => {
    const seen = await textsOf(bob.page, TEXT, mark, 303);
    assert.deepEqual(seen.slice(2), [...said, `${mark} typed offline`]);
  });

  await bob.page.context().setOffline(true);
  await bob.page.locator("#node.off").waitFor({ state: "attached" });
  await say(bob.page, `${mark} survives`);
  await bob.page.locator("#pending .waiting", { hasText: "survives" }).waitFor();
  await kept(bob.page, `${mark} survives`);
  await bob.page.fill("#input", "a draft that was begun");
  // The page itself is loaded from the network, which has to be up again first.
  await bob.page.goto("about:blank");
  await bob.page.context().setOffline(false);
  await bob.page.goto(`${base}/#room=${room}`);
  await connected(bob.page);
  await check("a message typed offline survives a reload and arrives once", async () => {
    const wanted = [...said, `${mark} typed offline`, `${mark} survives`];
    for (const { page } of [ada, bob]) {
      await page.locator(TEXT, { hasText: "survives" }).waitFor();
      assert.deepEqual((await textsOf(page, TEXT, mark, 100)).slice(-2), wanted.slice(-2));
    }
    assert.equal((await speaker.texts()).filter((text) => text === `${mark} survives`).length, 1);
    assert.equal(await bob.page.locator("#pending li").count(), 0);
  });
  await check("a draft survives a reload", async () => assert.equal(await bob.page.inputValue("#input"), "a draft that was begun"));

  await check("who wants to be elsewhere is, and the drawer shows the nodes and what came from where", async () => {
    await ada.page.click("#head [aria-label=Cluster]");
    await ada.page.locator(".nodes .name").nth(1).waitFor();
    const names = await ada.page.locator(".nodes .name").allTextContents();
    for (const { name } of Object.values(NODES)) assert.ok(names.includes(name), `${name} is among ${names}`);
    await ada.page.locator(".deliveries .crossed", { hasText: `${two.name} → ${one.name}` }).first().waitFor();
    // The balancer chooses at random: now and then it chooses the same node in all of the page's tries.
    const here = `connected to node ${one.name}`;
    await ada.page.locator("#node", { hasText: here }).waitFor();
    for (let turn = 0; turn < 10 && (await ada.page.textContent("#node")) === here; turn += 1) {
      await ada.page.click("#elsewhere:not([disabled])");
      await ada.page.locator("#drawer [role=status]", { hasText: /^(Moved|Still)/ }).waitFor();
      await connected(ada.page);
    }
    assert.notEqual(await ada.page.textContent("#node"), here);
    await say(ada.page, `${mark} from elsewhere`);
    await textsOf(bob.page, TEXT, `${mark} from elsewhere`, 1);
  });

  await check("no page threw, broke its policy or asked a third party", async () => {
    assert.deepEqual([...ada.faults, ...bob.faults], []);
  });
});

/**
 * Waits until a message is in the outbox's database.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} text
 */
async function kept(page, text) {
  await page.waitForFunction(
    (/** @type {string} */ wanted) =>
      new Promise((/** @type {(found: boolean) => void} */ answer) => {
        const opening = indexedDB.open("chorus");
        opening.onsuccess = () => {
          const all = opening.result.transaction("outbox").objectStore("outbox").getAll();
          all.onsuccess = () => answer(all.result.some((/** @type {any} */ entry) => entry.text === wanted));
        };
      }),
    text,
  );
}

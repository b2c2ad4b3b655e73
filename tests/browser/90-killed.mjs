// @ts-check
/** A node is killed while two users chat: the page continues on the other node, and nothing is lost. Runs last, since the node is not restarted. */
import assert from "node:assert/strict";
import { newMark, NODES, openWindow, run, textsOf } from "./harness.mjs";
import { enter, say, TEXT } from "./page.mjs";

await run(async ({ browser, bases: [base], check }) => {
  const victim = Number(process.env.NODE_ONE_PID);
  assert.ok(victim, "NODE_ONE_PID is the process of the first node");
  const mark = newMark();
  const { one } = NODES;
  const room = `killed-${mark}`;
  const ada = await openWindow(browser, base, { node: "one" });
  const bob = await openWindow(browser, base, { node: "two" });
  await enter(ada.page, base, room, "Ada");
  await enter(bob.page, base, room, "Bob");
  assert.equal(await ada.page.textContent("#node"), `connected to node ${one.name}`);

  /** @type {string[]} */
  const said = [];
  for (let n = 1; n <= 20; n += 1) {
    said.push(`${mark} ${n}`);
    await say(ada.page, `${mark} ${n}`);
    if (n === 10) process.kill(victim, "SIGKILL");
  }
  await check("the page goes on at another node", () =>
    ada.page.locator("#node", { hasText: "connected to node", hasNotText: one.name }).waitFor());
  await check("nothing is lost or doubled", async () => {
    for (const { page } of [ada, bob]) assert.deepEqual(await textsOf(page, TEXT, mark, 20), said);
    assert.equal(await ada.page.locator("#pending li").count(), 0);
  });
  await check("a killed node's people are gone within its lease, or move", () => bob.page.locator("#head [aria-label='People, 2 here']").waitFor());
  await check("no page threw, broke its policy or asked a third party", async () => assert.deepEqual([...ada.faults, ...bob.faults], []));
});

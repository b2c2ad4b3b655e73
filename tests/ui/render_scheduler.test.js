// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { RenderScheduler } from "../../static/js/view/render_scheduler.js";

/**
 * A browser's page that can be hidden; frames come only while it is visible.
 *
 * @param {import("node:test").TestContext} context
 */
function fakePage({ mock }) {
  /** @type {(() => void)[]} */
  let frames = [];
  const page = Object.assign(new EventTarget(), { hidden: false });
  mock.timers.enable({ apis: ["setTimeout"] });
  Object.assign(globalThis, { document: page, requestAnimationFrame: (/** @type {() => void} */ draw) => frames.push(draw) });
  return {
    /** @param {boolean} hidden */
    hide(hidden) {
      page.hidden = hidden;
      page.dispatchEvent(new Event("visibilitychange"));
    },
    frame() {
      const due = page.hidden ? [] : frames;
      frames = frames.filter((one) => !due.includes(one));
      for (const draw of due) draw();
    },
    wait: () => mock.timers.tick(1_000),
  };
}

/** @param {import("node:test").TestContext} context */
function scheduled(context) {
  const page = fakePage(context);
  /** @type {string[]} */
  const drawn = [];
  const scheduler = /** @type {RenderScheduler<string>} */ (new RenderScheduler());
  scheduler.start((region) => drawn.push(region));
  return { page, drawn, scheduler };
}

test("what changes several times in a frame is drawn once", (context) => {
  const { page, drawn, scheduler } = scheduled(context);
  scheduler.invalidate("head");
  scheduler.invalidate("head", "side");
  assert.deepEqual(drawn, []);
  page.frame();
  assert.deepEqual(drawn, ["head", "side"]);
});

test("a hidden page draws without frames", (context) => {
  const { page, drawn, scheduler } = scheduled(context);
  page.hide(true);
  scheduler.invalidate("side");
  page.wait();
  assert.deepEqual(drawn, ["side"]);
});

test("a page that is hidden before its frame came goes on drawing", (context) => {
  const { page, drawn, scheduler } = scheduled(context);
  scheduler.invalidate("side");
  page.hide(true);
  page.frame();
  page.wait();
  assert.deepEqual(drawn, ["side"]);
  scheduler.invalidate("side");
  page.wait();
  assert.deepEqual(drawn, ["side", "side"]);
  page.hide(false);
  page.frame();
  assert.deepEqual(drawn, ["side", "side"]);
});

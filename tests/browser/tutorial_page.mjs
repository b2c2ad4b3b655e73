// @ts-check
/**
 * The page of the Socket.IO tutorial, unmodified, in two windows on one node or two.
 *
 *     node tests/browser/tutorial_page.mjs http://127.0.0.1:3000 [http://127.0.0.1:3001] [--screenshot FILE]
 *
 * The node serves the client library at /socket.io/socket.io.js. The browser intercepts /tutorial.html
 * and fills in the page, so that it has the node's origin.
 */
import assert from "node:assert/strict";
import { openWindow, PATIENCE_MS, run, textsOf } from "./harness.mjs";

const PAGE = `<!DOCTYPE html>
<html>
  <head>
    <meta name="viewport" content="width=device-width,initial-scale=1.0">
    <title>Socket.IO chat</title>
    <style>
      body { margin: 0; padding-bottom: 3rem; font-family: -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
      #form { background: rgba(0, 0, 0, 0.15); padding: 0.25rem; position: fixed; bottom: 0; left: 0; right: 0; display: flex; height: 3rem; box-sizing: border-box; backdrop-filter: blur(10px); }
      #input { border: none; padding: 0 1rem; flex-grow: 1; border-radius: 2rem; margin: 0.25rem; }
      #input:focus { outline: none; }
      #form > button { background: #333; border: none; padding: 0 1rem; margin: 0.25rem; border-radius: 3px; outline: none; color: #fff; }
      #messages { list-style-type: none; margin: 0; padding: 0; }
      #messages > li { padding: 0.5rem 1rem; }
      #messages > li:nth-child(odd) { background: #efefef; }
    </style>
  </head>
  <body>
    <ul id="messages"></ul>
    <form id="form" action="">
      <input id="input" autocomplete="off" /><button>Send</button>
      <button id="toggle-btn">Disconnect</button>
    </form>
    <script src="/socket.io/socket.io.js"></script>
    <script>
      let counter = 0;

      const socket = io({
        auth: {
          serverOffset: 0
        },
        // enable retries
        ackTimeout: 10000,
        retries: 3,
      });

      const form = document.getElementById('form');
      const input = document.getElementById('input');
      const messages = document.getElementById('messages');
      const toggleButton = document.getElementById('toggle-btn');

      form.addEventListener('submit', (e) => {
        e.preventDefault();
        if (input.value) {
          // compute a unique offset
          const clientOffset = \`\${socket.id}-\${counter++}\`;
          socket.emit('chat message', input.value, clientOffset);
          input.value = '';
        }
      });

      socket.on('chat message', (msg, serverOffset) => {
        const item = document.createElement('li');
        item.textContent = msg;
        messages.appendChild(item);
        window.scrollTo(0, document.body.scrollHeight);
        socket.auth.serverOffset = serverOffset;
      });

      toggleButton.addEventListener('click', (e) => {
        e.preventDefault();
        if (socket.connected) {
          toggleButton.innerText = 'Connect';
          socket.disconnect();
        } else {
          toggleButton.innerText = 'Disconnect';
          socket.connect();
        }
      });
    </script>
  </body>
</html>
`;

const TEXT = "#messages > li";

await run(async ({ browser, bases, screenshot, check }) => {
  // The tutorial has one room only: the mark tells our messages from others'.
  const mark = Math.random().toString(36).slice(2, 8);
  const ada = await openTutorial(browser, bases[0]);
  const bob = await openTutorial(browser, bases[1]);

  await say(ada.page, `hello from Ada ${mark}`);
  await textsOf(bob.page, TEXT, mark, 1);
  await say(bob.page, `hello from Bob ${mark}`);
  await check("both see both messages once, in one order", async () => {
    const wanted = [`hello from Ada ${mark}`, `hello from Bob ${mark}`];
    for (const { page } of [ada, bob]) assert.deepEqual(await textsOf(page, TEXT, mark, 2), wanted);
  });

  await Promise.all(
    [ada, bob].map(async ({ page }, who) => {
      for (const n of [1, 2, 3, 4, 5]) await say(page, `${mark} ${who} at the same time ${n}`);
    }),
  );
  await check("both see messages written at the same time once, in one order", async () => {
    const seen = await textsOf(ada.page, TEXT, mark, 12);
    assert.equal(new Set(seen).size, 12);
    assert.equal(seen.length, 12);
    assert.deepEqual(await textsOf(bob.page, TEXT, mark, 12), seen);
  });

  await bob.page.click("#toggle-btn");
  await say(ada.page, `${mark} said while Bob was away`);
  await textsOf(ada.page, TEXT, mark, 13);
  // Written while disconnected, it is sent on the next connection.
  await say(bob.page, `${mark} written by Bob while away`);
  await bob.page.click("#toggle-btn");
  await check("a window that was away sees what it missed, once, and is heard", async () => {
    const seen = await textsOf(ada.page, TEXT, mark, 14);
    assert.equal(seen.length, 14);
    assert.deepEqual(await textsOf(bob.page, TEXT, mark, 14), seen);
  });

  await check("the sender's retry queue is empty", async () => {
    for (const { page } of [ada, bob]) {
      // Messages stay in the queue until they are acked.
      await page.waitForFunction("socket._queue.length === 0", undefined, { timeout: PATIENCE_MS });
    }
  });

  const late = await openTutorial(browser, bases[1]);
  await check("a late window sees the whole history in the same order", async () => {
    const seen = await textsOf(late.page, TEXT, mark, 14);
    assert.deepEqual(seen, await textsOf(ada.page, TEXT, mark, 14));
  });

  await check("no page threw or asked a third party", async () => {
    assert.deepEqual([...ada.faults, ...bob.faults, ...late.faults], []);
  });
  if (screenshot) await ada.page.screenshot({ path: screenshot });
});

/**
 * @param {import("playwright-core").Browser} browser
 * @param {string} base
 */
async function openTutorial(browser, base) {
  const window = await openWindow(browser, base);
  await window.page.route(`${base}/tutorial.html`, (route) => route.fulfill({ contentType: "text/html", body: PAGE }));
  await window.page.goto(`${base}/tutorial.html`);
  await window.page.waitForFunction("socket.connected", undefined, { timeout: PATIENCE_MS });
  return window;
}

/**
 * @param {import("playwright-core").Page} page
 * @param {string} text
 */
async function say(page, text) {
  await page.fill("#input", text);
  await page.press("#input", "Enter");
}

// @ts-check
/** The test harness of the browser tests: arguments, browser, checks, and the summary. */
import { chromium } from "playwright-core";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** @typedef {{ name: string, cookie: string }} BalancedNode A node behind the balancer, and the cookie value that selects it. */

/**
 * The two nodes behind the balancer; the environment variable `NODES` replaces them for another balancer.
 *
 * @type {{ one: BalancedNode, two: BalancedNode }}
 */
export const NODES = JSON.parse(process.env.NODES ?? '{"one":{"name":"one","cookie":"one"},"two":{"name":"two","cookie":"two"}}');

/** The timeout of everything that a page does. */
export const PATIENCE_MS = 20_000;

/**
 * Runs a test against the nodes given on the command line, and sets the exit code.
 *
 * @param {(test: { browser: import("playwright-core").Browser, bases: [string, string],
 *   screenshot: string | undefined, check: Check }) => Promise<void>} test
 *
 * @typedef {(what: string, holds: boolean | (() => Promise<unknown>)) => Promise<void>} Check
 *   A function holds if it neither throws nor returns `false`.
 */
export async function run(test) {
  const { bases, screenshot } = parse(process.argv.slice(2));
  let passed = 0;
  let failed = 0;
  /** @type {Check} */
  const check = async (what, holds) => {
    let why = "";
    try {
      const answer = typeof holds === "function" ? await holds() : holds;
      if (answer === false) why = "it does not hold";
    } catch (error) {
      why = String(error);
    }
    if (why) failed += 1;
    else passed += 1;
    console.log(why ? `FAILED: ${what}: ${why}` : `ok: ${what}`);
  };

  // Playwright gives each launch a new user data directory, and removes it.
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  try {
    await check("the test came to its end", () => test({ browser, bases, screenshot, check }));
  } finally {
    await browser.close();
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/** Random letters that make names and texts unique. */
export function newMark() {
  return Math.random().toString(36).slice(2, 8);
}

/**
 * Opens a window in a browser context of its own, hence as another user.
 *
 * @param {import("playwright-core").Browser} browser
 * @param {string} base
 * @param {{ node?: keyof typeof NODES }} [where] The node that the balancer's cookie selects.
 * @param {import("playwright-core").BrowserContextOptions} [options]
 * @returns {Promise<{ page: import("playwright-core").Page, faults: string[] }>} `faults` collects errors, CSP violations and third-party requests.
 */
export async function openWindow(browser, base, { node } = {}, options) {
  const context = await browser.newContext({ viewport: { width: 1_280, height: 800 }, ...options });
  if (node !== undefined) await context.addCookies([{ name: "chorus_node", value: NODES[node].cookie, url: base }]);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const home = new URL(base).host;
  /** @type {string[]} */
  const faults = [];
  /** @param {string} url */
  const visit = (url) => {
    const { host, protocol } = new URL(url);
    if (/^(http|ws)/.test(protocol) && host !== home) faults.push(`asked a third party: ${url}`);
  };
  page.on("pageerror", (error) => faults.push(`threw: ${error}`));
  page.on("console", (line) => {
    if (/Content Security Policy/.test(line.text())) faults.push(line.text());
  });
  page.on("request", (request) => visit(request.url()));
  page.on("websocket", (socket) => visit(socket.url()));
  return { page, faults };
}

/**
 * Waits until `count` texts that contain `mark` are in the list, and returns all such texts.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} selector The selector of a message's text.
 * @param {string} mark
 * @param {number} count
 * @returns {Promise<string[]>}
 */
export async function textsOf(page, selector, mark, count) {
  const read = () => page.locator(selector).filter({ hasText: mark }).allTextContents();
  const deadline = Date.now() + PATIENCE_MS;
  let texts = await read();
  while (texts.length < count && Date.now() < deadline) {
    await page.waitForTimeout(50);
    texts = await read();
  }
  // Leaves time for a duplicate to arrive.
  await page.waitForTimeout(300);
  return read();
}

/**
 * @param {string[]} args
 * @returns {{ bases: [string, string], screenshot: string | undefined }}
 */
function parse(args) {
  /** @type {string | undefined} */
  let screenshot;
  /** @type {string[]} */
  const bases = [];
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? "";
    if (arg === "--screenshot") screenshot = args[(at += 1)];
    else bases.push(arg.replace(/\/$/, ""));
  }
  const [first, second = first] = bases;
  if (first === undefined || second === undefined || 2 < bases.length) {
    console.error("usage: BASE_URL [BASE_URL] [--screenshot FILE]");
    process.exit(2);
  }
  return { bases: [first, second], screenshot };
}

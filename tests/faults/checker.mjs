// @ts-check
/** A run of `chorus-load`: real clients that judge every delivery, while a test does its worst. */
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { start } from "../wire/harness.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CHECKER = process.env.CHECKER_BIN
  ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, "target"), "release/chorus-load");

/** @typedef {{ count: number, p50Ms: number, p90Ms: number, p99Ms: number, p999Ms: number, maxMs: number }} Spread */
/** @typedef {{ second: number, offered: number, ack: Spread, delivery: Spread, crossNode: Spread }} Second */
/**
 * What the tests read of the report; loadtest/checker/README.md has all of it.
 *
 * @typedef {object} Report
 * @property {{ clients: number }} run
 * @property {{ offered: number, acked: number, unacked: number, delivered: number }} messages
 * @property {Record<"lost" | "doubled" | "inverted" | "disagreements" | "ghosts" | "holes" | "unacked" | "nodes", number>} violations
 * @property {string[]} examples
 * @property {number} longestWaitMs
 * @property {{ names: string[] }} nodes
 * @property {{ clientsReconnected: number, recovery: Spread, incompleteRecoveries: number }} connections
 * @property {Second[]} seconds
 */

/** Clients of both namespaces on both transports, that come back as fast as a fault test needs. */
const CLIENTS = ["--namespace", "mixed", "--transport", "mixed", "--ack-timeout", "2s", "--settle", "40s"];

export class Checker {
  #child;
  #sending = 0;
  #progress = "";
  #report;
  #begun;

  /**
   * @param {import("../wire/harness.mjs").Scope} scope
   * @param {string[]} urls
   * @param {string[]} options
   */
  constructor(scope, urls, options) {
    this.#child = start(scope, CHECKER, [...urls, ...CLIENTS, ...options, "--json"], { stdio: ["ignore", "pipe", "pipe"] });
    const { stdout, stderr } = this.#child;
    if (!stdout || !stderr) throw new Error("no pipes");
    this.#begun = new Promise((done) => {
      createInterface({ input: stderr }).on("line", (line) => {
        if (line.endsWith("; sending")) done(this.#sending = Date.now());
        this.#progress = line;
      });
    });
    this.#report = this.#read(stdout);
  }

  /** @param {import("node:stream").Readable} stdout @returns {Promise<Report>} */
  async #read(stdout) {
    let text = "";
    stdout.on("data", (data) => (text += data));
    const [code] = await once(this.#child, "close");
    if (code !== 0 && code !== 1) throw new Error(`the checker has no verdict (${code}): ${this.#progress}`);
    return JSON.parse(text);
  }

  /** Waits until so many seconds of sending are over. @param {number} second */
  async until(second) {
    await Promise.race([this.#begun, this.#report]);
    const ms = this.#sending + second * 1_000 - Date.now();
    await new Promise((done) => setTimeout(done, Math.max(0, ms)));
  }

  /** The second of the run that it is now. */
  now() {
    return (Date.now() - this.#sending) / 1_000;
  }

  /** Its clients stop reading and sending, as if their machine stood still. */
  freeze() {
    this.#child.kill("SIGSTOP");
  }

  thaw() {
    this.#child.kill("SIGCONT");
  }

  /** What it found, when it is over. */
  report() {
    return this.#report;
  }
}

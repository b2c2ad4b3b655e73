// @ts-check
/** Runs `chorus-load`: real clients that judge every delivery while a test injects faults. */
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { start } from "../wire/harness.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CHECKER = process.env.CHECKER_BIN
  ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, "target"), "release/chorus-load");

/** @typedef {{ count: number, p50Ms: number, p90Ms: number, p99Ms: number, p999Ms: number, maxMs: number }} Percentiles */
/** @typedef {{ second: number, offered: number, ack: Percentiles, delivery: Percentiles, crossNode: Percentiles }} Second */
/**
 * The parts of the report that the tests use; loadtest/checker/README.md documents all of it.
 *
 * @typedef {object} Report
 * @property {{ clients: number }} run
 * @property {{ offered: number, acked: number, unacked: number, delivered: number }} messages
 * @property {Record<"lost" | "doubled" | "inverted" | "disagreements" | "ghosts" | "holes" | "unacked" | "nodes", number>} violations
 * @property {string[]} examples
 * @property {number} longestWaitMs
 * @property {{ names: string[] }} nodes
 * @property {{ clientsReconnected: number, recovery: Percentiles, incompleteRecoveries: number }} connections
 * @property {Second[]} seconds
 */

/** Clients of both namespaces on both transports, with an ack timeout that suits the faults. */
const OPTIONS = ["--namespace", "mixed", "--transport", "mixed", "--ack-timeout", "2s", "--settle", "40s"];

export class Checker {
  #child;
  /** When sending started, in milliseconds. */
  #sending = 0;
  #progress = "";
  #report;
  #started;

  /**
   * @param {import("../wire/harness.mjs").Scope} scope
   * @param {string[]} urls
   * @param {string[]} options
   */
  constructor(scope, urls, options) {
    this.#child = start(scope, CHECKER, [...urls, ...OPTIONS, ...options, "--json"], { stdio: ["ignore", "pipe", "pipe"] });
    const { stdout, stderr } = this.#child;
    if (!stdout || !stderr) throw new Error("the checker has no pipes");
    this.#started = new Promise((done) => {
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

  /** Waits until this second of the run. @param {number} second */
  async until(second) {
    await Promise.race([this.#started, this.#report]);
    const ms = this.#sending + second * 1_000 - Date.now();
    await new Promise((done) => setTimeout(done, Math.max(0, ms)));
  }

  /** The current second of the run. */
  now() {
    return (Date.now() - this.#sending) / 1_000;
  }

  /** Stops all clients from reading and sending, as if their machine were frozen. */
  freeze() {
    this.#child.kill("SIGSTOP");
  }

  thaw() {
    this.#child.kill("SIGCONT");
  }

  /** The report, once the run is over. */
  report() {
    return this.#report;
  }
}

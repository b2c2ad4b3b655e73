// @ts-check
/**
 * The cluster as seen by this page: the node of its connection, the nodes that are alive, and the
 * switch to another node.
 *
 * @typedef {import("../protocol/wire.js").NodeInfo} NodeInfo
 * @typedef {import("../protocol/wire.js").Response<import("../protocol/wire.js").NodeList>} Response
 */
import { isUnsupported } from "../protocol/wire.js";

/** How often the nodes are requested while they are shown, in milliseconds. */
const POLL_MS = 3_000;
/** How often to reconnect in search of another node: the balancer may choose the same one again. */
const SWITCH_TRIES = 6;

export class Cluster {
  /** The node of this connection; empty while offline. */
  node = "";
  /** @type {NodeInfo[]} */
  nodes = [];
  /** Whether the node can list the others. */
  known = false;
  /** The progress or result of a switch, for the reader. */
  switchStatus = "";
  #watching = false;
  #cancelPoll = () => {};
  /** The node to leave, and the remaining tries. @type {{ from: string, tries: number } | null} */
  #switch = null;

  /**
   * @param {Pick<import("../protocol/connection.js").Connection, "request" | "reconnect">} connection
   * @param {typeof globalThis.fetch} fetch
   * @param {() => void} changed
   * @param {import("../protocol/clock.js").Clock} clock
   */
  constructor(connection, fetch, changed, clock) {
    this.connection = connection;
    this.fetch = fetch;
    this.changed = changed;
    this.clock = clock;
  }

  /** @param {string} node */
  online(node) {
    const attempt = this.#switch;
    this.node = node;
    if (attempt && node === attempt.from && 0 < attempt.tries) {
      this.#trySwitch(attempt);
    } else if (attempt) {
      this.switchStatus = node === attempt.from ? `Still on ${node}: the balancer gave no other node.` : `Moved from ${attempt.from} to ${node}.`;
      this.#switch = null;
    }
    if (this.#watching) this.#poll();
    this.changed();
  }

  offline() {
    this.node = "";
    this.changed();
  }

  /** @param {boolean} watching Whether the nodes are shown, and have to be up to date. */
  watch(watching) {
    this.#watching = watching;
    this.#cancelPoll();
    if (watching) this.#poll();
  }

  /** Reconnects to another node. */
  switchNode() {
    if (this.#switch || this.node === "") return;
    this.switchStatus = "Looking for another node…";
    this.#switch = { from: this.node, tries: SWITCH_TRIES };
    this.#trySwitch(this.#switch);
    this.changed();
  }

  /** @param {{ from: string, tries: number }} attempt */
  async #trySwitch(attempt) {
    attempt.tries -= 1;
    try {
      // The balancer's cookie is httponly: only a node can remove it.
      const response = await this.fetch("/api/elsewhere", { method: "POST" });
      if (!response.ok) throw new Error(`status ${response.status}`);
      this.connection.reconnect();
    } catch (error) {
      this.switchStatus = `This node cannot move you to another one (${error instanceof Error ? error.message : error}).`;
      this.#switch = null;
      this.changed();
    }
  }

  #poll() {
    this.#cancelPoll();
    this.connection.request("nodes", {}, (/** @type {Response} */ response) => {
      if (response?.ok) this.nodes = response.ok.nodes;
      if (response) this.known = response.ok !== undefined || !isUnsupported(response.error);
      this.changed();
    });
    if (this.#watching) this.#cancelPoll = this.clock.after(POLL_MS, () => this.#poll());
  }
}

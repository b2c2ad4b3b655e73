// @ts-check
/**
 * The cluster as this page sees it: the node that it is on, those that are alive, and the way to
 * another one.
 *
 * @typedef {import("../protocol/wire.js").NodeInfo} NodeInfo
 * @typedef {import("../protocol/wire.js").Response<import("../protocol/wire.js").NodeList>} Answer
 */
import { isUnsupported } from "../protocol/wire.js";

/** How often the nodes are asked for while somebody looks, in milliseconds. */
const LOOK_MS = 3_000;
/** How often a connection elsewhere is tried: the balancer may choose the same node again. */
const TRIES = 6;

export class Cluster {
  node = "";
  /** @type {NodeInfo[]} */
  nodes = [];
  /** Whether the node knows the others. */
  known = false;
  /** What became of the wish to be elsewhere. */
  moving = "";
  #looking = false;
  #cancelLook = () => {};
  /** The node to get away from, and how many tries are left. @type {{ from: string, tries: number } | null} */
  #move = null;

  /**
   * @param {Pick<import("../protocol/connection.js").Connection, "ask" | "reopen">} connection
   * @param {typeof fetch} ask
   * @param {() => void} changed
   * @param {import("../protocol/clock.js").Clock} clock
   */
  constructor(connection, ask, changed, clock) {
    this.connection = connection;
    this.fetch = ask;
    this.changed = changed;
    this.clock = clock;
  }

  /** @param {string} node */
  online(node) {
    const move = this.#move;
    this.node = node;
    if (move && node === move.from && 0 < move.tries) {
      this.#try(move);
    } else if (move) {
      this.moving = node === move.from ? `Still on ${node}: the balancer gave no other node.` : `Moved from ${move.from} to ${node}.`;
      this.#move = null;
    }
    if (this.#looking) this.#look();
    this.changed();
  }

  offline() {
    this.node = "";
    this.changed();
  }

  /** @param {boolean} looking Whether somebody looks. */
  watch(looking) {
    this.#looking = looking;
    this.#cancelLook();
    if (looking) this.#look();
  }

  elsewhere() {
    if (this.#move || this.node === "") return;
    this.moving = "Looking for another node…";
    this.#move = { from: this.node, tries: TRIES };
    this.#try(this.#move);
    this.changed();
  }

  /** @param {{ from: string, tries: number }} move */
  async #try(move) {
    move.tries -= 1;
    try {
      // The balancer's cookie is httponly: only a node can take it away.
      const answer = await this.fetch("/api/elsewhere", { method: "POST" });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      this.connection.reopen();
    } catch (error) {
      this.moving = `This node cannot send anyone elsewhere (${error instanceof Error ? error.message : error}).`;
      this.#move = null;
      this.changed();
    }
  }

  #look() {
    this.#cancelLook();
    this.connection.ask("nodes", {}, (/** @type {Answer} */ answer) => {
      if (answer?.ok) this.nodes = answer.ok.nodes;
      if (answer) this.known = answer.ok !== undefined || !isUnsupported(answer.error);
      this.changed();
    });
    if (this.#looking) this.#cancelLook = this.clock.after(LOOK_MS, () => this.#look());
  }
}

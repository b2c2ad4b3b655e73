// @ts-check
/**
 * One sender's unanswered posts to one room, in order. No I/O except through its ports.
 *
 * After a retryable error or a missing answer, nothing is sent until every post in flight is answered.
 * Then all unanswered posts are sent again, in order and with the same nonces.
 *
 * @typedef {{ nonce: string, text: string, sentAt: number, tries: number, state: "waiting" | "sending" }} Post
 *
 * @typedef {object} OutboxPorts
 * @property {(post: Post, answered: (answer: any) => void) => void} send
 * @property {(post: Post, stored: boolean) => void} settled Called with the final answer.
 * @property {(ms: number, then: () => void) => void} after
 */

/** The most unanswered posts; below the node's `limits.requests_in_flight`. */
export const POSTS_MAX = 64;
/** Pause before a retry if the node names none. */
const RETRY_MS = 500;

export class Outbox {
  /** @type {Post[]} */
  #posts = [];
  #online = false;
  #paused = false;
  /** Identifies the connection, so answers of earlier ones are ignored. */
  #connection = 0;

  /** @param {OutboxPorts} ports */
  constructor(ports) {
    this.ports = ports;
  }

  /** The number of unanswered posts. */
  get size() {
    return this.#posts.length;
  }

  /** @param {string} nonce @param {string} text @param {number} sentAt @returns {boolean} False if the outbox is full. */
  post(nonce, text, sentAt) {
    if (POSTS_MAX <= this.#posts.length) return false;
    this.#posts.push({ nonce, text, sentAt, tries: 0, state: "waiting" });
    this.#pump();
    return true;
  }

  /** The client is connected: sends all unanswered posts. */
  online() {
    this.offline();
    this.#online = true;
    this.#pump();
  }

  /** The connection was lost. */
  offline() {
    this.#connection += 1;
    this.#online = false;
    this.#paused = false;
    for (const post of this.#posts) post.state = "waiting";
  }

  #pump() {
    if (!this.#online || this.#paused) return;
    for (const post of [...this.#posts]) if (post.state === "waiting") this.#send(post);
  }

  /** @param {Post} post */
  #send(post) {
    const connection = this.#connection;
    post.state = "sending";
    post.tries += 1;
    this.ports.send(post, (answer) => {
      if (connection !== this.#connection) return; // The post was or will be sent again.
      const retryMs = answer?.error ? answer.error.retryAfterMs : answer?.ok ? undefined : RETRY_MS;
      if (retryMs === undefined) this.#settle(post, Boolean(answer.ok));
      else this.#pause(post, retryMs);
    });
  }

  /** @param {Post} post @param {boolean} stored */
  #settle(post, stored) {
    this.#posts = this.#posts.filter((one) => one !== post);
    this.ports.settled(post, stored);
  }

  /** @param {Post} post @param {number} retryMs */
  #pause(post, retryMs) {
    post.state = "waiting";
    if (this.#paused) return; // One pause for all posts that fail together.
    this.#paused = true;
    this.#wait(this.#connection, retryMs);
  }

  /** @param {number} connection @param {number} ms */
  #wait(connection, ms) {
    this.ports.after(ms, () => {
      if (connection !== this.#connection) return;
      if (this.#posts.some(({ state }) => state === "sending")) {
        this.#wait(connection, RETRY_MS);
        return;
      }
      this.#paused = false;
      this.#pump();
    });
  }
}

// @ts-check
/**
 * One sender's posts to one room, in order, until each is answered. Pure but for its ports.
 *
 * After a refusal that passes, or an answer that does not come, nothing more is sent until all that
 * is under way was answered, and then all of it again, with the same nonces, from the first one.
 *
 * @typedef {{ nonce: string, text: string, sentAt: number, tries: number, state: "waiting" | "sending" }} Post
 *
 * @typedef {object} OutboxPorts
 * @property {(post: Post, answered: (answer: any) => void) => void} send
 * @property {(post: Post, stored: boolean) => void} settled Answered for good.
 * @property {(ms: number, then: () => void) => void} after
 */

/** Posts that may be unanswered; fewer than the node's `limits.requests_in_flight`. */
export const POSTS_MAX = 64;
/** Pause before a retry for which the node names none. */
const RETRY_MS = 500;

export class Outbox {
  /** @type {Post[]} */
  #posts = [];
  #online = false;
  #holds = false;
  /** Tells this connection's answers from those of earlier ones. */
  #connection = 0;

  /** @param {OutboxPorts} ports */
  constructor(ports) {
    this.ports = ports;
  }

  /** How many are unanswered. */
  get size() {
    return this.#posts.length;
  }

  /** @param {string} nonce @param {string} text @param {number} sentAt @returns {boolean} Whether there was room for it. */
  post(nonce, text, sentAt) {
    if (POSTS_MAX <= this.#posts.length) return false;
    this.#posts.push({ nonce, text, sentAt, tries: 0, state: "waiting" });
    this.#pump();
    return true;
  }

  /** A connection stands: all that is unanswered goes out on it. */
  online() {
    this.offline();
    this.#online = true;
    this.#pump();
  }

  /** The connection is gone. */
  offline() {
    this.#connection += 1;
    this.#online = false;
    this.#holds = false;
    for (const post of this.#posts) post.state = "waiting";
  }

  #pump() {
    if (!this.#online || this.#holds) return;
    for (const post of [...this.#posts]) if (post.state === "waiting") this.#send(post);
  }

  /** @param {Post} post */
  #send(post) {
    const connection = this.#connection;
    post.state = "sending";
    post.tries += 1;
    this.ports.send(post, (answer) => {
      if (connection !== this.#connection) return; // It was sent again since, or will be.
      const retryMs = answer?.error ? answer.error.retryAfterMs : answer?.ok ? undefined : RETRY_MS;
      if (retryMs === undefined) this.#settle(post, Boolean(answer.ok));
      else this.#hold(post, retryMs);
    });
  }

  /** @param {Post} post @param {boolean} stored */
  #settle(post, stored) {
    this.#posts = this.#posts.filter((one) => one !== post);
    this.ports.settled(post, stored);
  }

  /** @param {Post} post @param {number} retryMs */
  #hold(post, retryMs) {
    post.state = "waiting";
    if (this.#holds) return; // One wait for all that fail together.
    this.#holds = true;
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
      this.#holds = false;
      this.#pump();
    });
  }
}

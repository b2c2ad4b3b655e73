// @ts-check
/**
 * What the page has seen of the cluster at work: for the newest messages the node each came from and
 * the time from sending to showing, and how many came in each second.
 *
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {{ key: string, from: string, to: string, ms: number, own: boolean, author: string, at: number }} Delivery
 */

/** How many are remembered. */
export const DELIVERIES_MAX = 60;
/** How many seconds are counted. */
export const SECONDS = 60;

export class Deliveries {
  /** Newest last. @type {Delivery[]} */
  recent = [];
  /** Messages by second, `SECONDS` of them. @type {Map<number, number>} */
  #counts = new Map();

  /**
   * Takes what came live. Only what people read as a message counts: no reactions, edits and deletions.
   *
   * @param {Message} message
   * @param {object} seen
   * @param {string} seen.node The node that we are on.
   * @param {boolean} seen.own
   * @param {number} seen.now By the nodes' clock.
   * @param {number} [seen.sentAt] For our own: when it was sent, by the same clock.
   */
  saw(message, { node, own, now, sentAt }) {
    if (message.kind !== "text") return;
    const ms = Math.max(0, Math.round(now - (sentAt ?? message.at)));
    const key = `${message.room}/${message.seq}`;
    this.recent.push({ key, from: message.node ?? "?", to: node, ms, own, author: message.author.name, at: message.at });
    if (DELIVERIES_MAX < this.recent.length) this.recent.shift();
    const second = Math.floor(now / 1_000);
    this.#counts.set(second, (this.#counts.get(second) ?? 0) + 1);
    for (const known of this.#counts.keys()) if (known <= second - SECONDS) this.#counts.delete(known);
  }

  /**
   * Messages in each of the last seconds, the newest last.
   *
   * @param {number} now
   * @returns {number[]}
   */
  perSecond(now) {
    const newest = Math.floor(now / 1_000);
    return Array.from({ length: SECONDS }, (_, n) => this.#counts.get(newest - SECONDS + 1 + n) ?? 0);
  }

  /** The middle of the remembered times; `null` without any. */
  get medianMs() {
    const sorted = this.recent.map(({ ms }) => ms).sort((one, other) => one - other);
    return sorted[Math.floor(sorted.length / 2)] ?? null;
  }
}

// @ts-check
/**
 * Delivery statistics: origin node and latency of the newest messages, and messages per second.
 *
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {{ key: string, from: string, to: string, ms: number, own: boolean, author: string, at: number }} Delivery
 */

/** How many deliveries are kept. */
export const DELIVERIES_MAX = 60;
/** How many seconds the message counts cover. */
export const SECONDS = 60;

export class Deliveries {
  /** Newest last. @type {Delivery[]} */
  recent = [];
  /** Messages by second, `SECONDS` of them. @type {Map<number, number>} */
  #counts = new Map();

  /**
   * Records a live message. Only texts count, not reactions, edits and deletions.
   *
   * @param {Message} message
   * @param {object} delivery
   * @param {string} delivery.node The node of this connection.
   * @param {boolean} delivery.own Whether this user posted it.
   * @param {number} delivery.now By the nodes' clock.
   * @param {number} [delivery.sentAt] When it was sent, by the same clock; own messages only.
   */
  record(message, { node, own, now, sentAt }) {
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
   * The number of messages in each of the last seconds, the newest last.
   *
   * @param {number} now
   * @returns {number[]}
   */
  perSecond(now) {
    const newest = Math.floor(now / 1_000);
    return Array.from({ length: SECONDS }, (_, n) => this.#counts.get(newest - SECONDS + 1 + n) ?? 0);
  }

  /** The median latency of the kept deliveries; `null` without any. */
  get medianMs() {
    const sorted = this.recent.map(({ ms }) => ms).sort((one, other) => one - other);
    return sorted[Math.floor(sorted.length / 2)] ?? null;
  }
}

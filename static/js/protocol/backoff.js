// @ts-check
/**
 * How long to wait before the next try: longer each time, and never the same for all clients, so
 * that those who fail together do not return together.
 */

/** No server makes the page wait longer than this, in milliseconds. */
const WAIT_MAX_MS = 60_000;

export class Backoff {
  #failures = 0;

  /**
   * @param {{ firstMs: number, maxMs: number, random?: () => number }} limits
   */
  constructor({ firstMs, maxMs, random = Math.random }) {
    this.firstMs = firstMs;
    this.maxMs = maxMs;
    this.random = random;
  }

  /**
   * The next wait, in milliseconds.
   *
   * @param {number} [atLeastMs] What the server asked for; up to a quarter is added.
   */
  next(atLeastMs) {
    const grown = Math.min(this.maxMs, this.firstMs * 2 ** this.#failures);
    this.#failures += 1;
    if (typeof atLeastMs === "number" && 0 <= atLeastMs) {
      return Math.min(WAIT_MAX_MS, atLeastMs * (1 + this.random() / 4));
    }
    return grown * (0.5 + this.random() / 2);
  }

  /** Starts over, after a success. */
  reset() {
    this.#failures = 0;
  }
}

// @ts-check
/**
 * Time, passed in so that tests can turn it by hand.
 *
 * @typedef {object} Clock
 * @property {() => number} now Milliseconds since 1970.
 * @property {(ms: number, then: () => void) => () => void} after Runs `then` later; the answer cancels it.
 */

/** @type {Clock} */
export const systemClock = {
  now: () => Date.now(),
  after(ms, then) {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

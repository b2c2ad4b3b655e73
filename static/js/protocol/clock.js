// @ts-check
/**
 * Time as a dependency, so that tests can control it.
 *
 * @typedef {object} Clock
 * @property {() => number} now Milliseconds since 1970.
 * @property {(ms: number, callback: () => void) => () => void} after Runs `callback` after a delay; returns a function that cancels it.
 */

/** @type {Clock} */
export const systemClock = {
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

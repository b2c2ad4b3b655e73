// @ts-check
/**
 * Time, as all scripts use it.
 *
 * Latency is the receiver's `Date.now()` less the sender's. All VUs of one load machine read one
 * clock, so that it is what it says; with several load machines it is off by what their clocks
 * differ, and only the counts can be trusted.
 */
import { setTimeout } from "k6/timers";

/** How often a condition is looked at. */
const LOOK_MS = 25;

/** @param {number} ms @returns {Promise<void>} */
export function pause(ms) {
  return new Promise((woken) => {
    setTimeout(() => woken(), ms);
  });
}

/**
 * Waits until something holds, but no longer than that.
 *
 * @param {() => boolean} holds
 * @param {number} patienceMs
 * @returns {Promise<boolean>} Whether it holds.
 */
export async function until(holds, patienceMs) {
  const deadline = Date.now() + patienceMs;
  while (!holds() && Date.now() < deadline) await pause(LOOK_MS);
  return holds();
}

/** A time from 0 to this, by chance. @param {number} ms */
export function jitter(ms) {
  return Math.floor(Math.random() * ms);
}

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Reads a duration as k6 writes it: `1m30s`, `500ms`.
 *
 * @param {string} text
 * @returns {number} Milliseconds.
 */
export function milliseconds(text) {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) throw new Error(`"${text}" is not a duration such as 30s or 1m30s`);
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    sum += Number(count) * UNITS[/** @type {keyof typeof UNITS} */ (unit)];
  }
  return sum;
}

// @ts-check
/**
 * Pauses, deadlines and durations for all scripts.
 *
 * Latency is the receiver's `Date.now()` minus the sender's. All VUs of one load machine share a clock,
 * so it is exact; with several machines it is off by the difference of their clocks, and only the counts
 * are reliable.
 */
import { setTimeout } from "k6/timers";

/** How often a condition is checked. */
const POLL_MS = 25;

/** @param {number} ms @returns {Promise<void>} */
export function pause(ms) {
  return new Promise((woken) => {
    setTimeout(() => woken(), ms);
  });
}

/**
 * Waits until a condition holds, or until the timeout.
 *
 * @param {() => boolean} holds
 * @param {number} timeoutMs
 * @returns {Promise<boolean>} Whether it holds.
 */
export async function until(holds, timeoutMs) {
  const deadline = Date.now() + timeoutMs;
  while (!holds() && Date.now() < deadline) await pause(POLL_MS);
  return holds();
}

/** A random time from 0 to this. @param {number} ms */
export function jitter(ms) {
  return Math.floor(Math.random() * ms);
}

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Parses a duration as k6 writes it: `1m30s`, `500ms`.
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

// @ts-check
/** Parses k6's durations. */
import { EXIT, Failure } from "./failure.mjs";

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** @param {string} text @returns {number} */
export function milliseconds(text) {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.map(([part]) => part).join("") !== text || text === "") throw new Failure(EXIT.config, `not a duration: "${text}"`);
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[/** @type {keyof typeof UNITS} */ (unit)], 0);
}

// @ts-check
/** Options from the environment (`-e NAME=value`), read once and validated. */
import { milliseconds } from "./clock.js";

/** @param {string} name @param {number} fallback @param {number} [min] @returns {number} */
export function number(name, fallback, min = 1) {
  const value = Number(__ENV[name] ?? fallback);
  if (!Number.isFinite(value) || value < min) throw new Error(`${name} must be a number of at least ${min}`);
  return value;
}

/** @param {string} name @param {string} fallback @returns {number} Milliseconds. */
export function duration(name, fallback) {
  try {
    return milliseconds(__ENV[name] ?? fallback);
  } catch (error) {
    throw new Error(`${name}: ${/** @type {Error} */ (error).message}`);
  }
}

/** @returns {"websocket" | "upgrade"} */
function transport() {
  const value = __ENV.TRANSPORT ?? "websocket";
  if (value !== "websocket" && value !== "upgrade") throw new Error("TRANSPORT must be websocket or upgrade");
  return value;
}

/** Options of all scenarios. */
export const common = {
  base: (__ENV.URL ?? "http://localhost:8080").replace(/\/$/, ""),
  replicas: number("REPLICAS", 3),
  roomSize: number("ROOM_SIZE", 20, 2),
  rate: number("RATE", 1, 0.01),
  bytes: number("BYTES", 120),
  settleMs: duration("SETTLE", "20s"),
  out: __ENV.OUT ?? "loadtest/out",
  transport: transport(),
};

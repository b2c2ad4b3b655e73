// @ts-check
/** What a run can be told by its environment (`-e NAME=value`), read once, refused where it is wrong. */
import { milliseconds } from "./clock.js";

/** @param {string} name @param {number} otherwise @param {number} [least] @returns {number} */
export function number(name, otherwise, least = 1) {
  const value = Number(__ENV[name] ?? otherwise);
  if (!Number.isFinite(value) || value < least) throw new Error(`${name} must be a number from ${least} on`);
  return value;
}

/** @param {string} name @param {string} otherwise @returns {number} Milliseconds. */
export function duration(name, otherwise) {
  try {
    return milliseconds(__ENV[name] ?? otherwise);
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

/** What all scenarios understand. */
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

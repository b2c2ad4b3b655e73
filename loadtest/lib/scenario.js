// @ts-check
/** Scenarios in which each client comes once, and is judged at its end. */
import exec from "k6/execution";
import { jitter, pause } from "./clock.js";
import { live, roomOf } from "./member.js";
import { common } from "./options.js";

/** Clients that are there for so long each, and are given the time to be judged. @param {number} vus @param {number} forMs */
export function once(vus, forMs) {
  return {
    executor: "per-vu-iterations",
    vus,
    iterations: 1,
    maxDuration: `${Math.ceil((forMs + 2 * common.settleMs) / 1_000) + 120}s`,
  };
}

/**
 * This client's life, from some moment of the ramp on.
 *
 * @param {import("./member.js").SetupData} data
 * @param {number} rampMs
 * @param {Omit<import("./member.js").Life, "sender" | "room">} life
 */
export async function liveFromRamp(data, rampMs, life) {
  const id = exec.vu.idInTest;
  await pause(jitter(rampMs));
  await live(data, { sender: `c${id}`, room: roomOf(data, id - 1), ...life });
}

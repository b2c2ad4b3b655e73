// @ts-check
/** Scenarios in which each client runs once and is judged at its end. */
import exec from "k6/execution";
import { jitter, pause } from "./clock.js";
import { roomOf, runClient } from "./client.js";
import { common } from "./options.js";

/** The executor for clients that run for `forMs` and are then judged. @param {number} vus @param {number} forMs */
export function once(vus, forMs) {
  return {
    executor: "per-vu-iterations",
    vus,
    iterations: 1,
    maxDuration: `${Math.ceil((forMs + 2 * common.settleMs) / 1_000) + 120}s`,
  };
}

/**
 * Runs this VU's client, starting at a random moment of the ramp.
 *
 * @param {import("./client.js").SetupData} data
 * @param {number} rampMs
 * @param {Omit<import("./client.js").ClientPlan, "sender" | "room">} plan
 */
export async function runAfterRamp(data, rampMs, plan) {
  const id = exec.vu.idInTest;
  await pause(jitter(rampMs));
  await runClient(data, { sender: `c${id}`, room: roomOf(data, id - 1), ...plan });
}

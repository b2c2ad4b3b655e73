// @ts-check
/**
 * What the node and the page say to each other in namespace `/chat`.
 *
 * @typedef {{ epoch: string, seq: number }} Place A place in one room of one log.
 * @typedef {{ id: string, name: string }} User
 *
 * @typedef {object} Message
 * @property {string} room
 * @property {number} seq Its place in the room, from 1, without gaps.
 * @property {string} kind "text", or one that this page steps over.
 * @property {User} author
 * @property {string} text
 * @property {number} at Milliseconds since 1970.
 * @property {string} [nonce] Only to its author.
 * @property {string} [node] The node that took it.
 *
 * @typedef {object} Session The first event of each connection.
 * @property {string} session
 * @property {string} token
 * @property {User} user
 * @property {string} node
 * @property {string} epoch
 * @property {{ maxMessageBytes?: number }} [limits]
 * @property {Record<string, { head: number, recovered: boolean }>} [rooms] Those already joined.
 *
 * @typedef {{ head: number, epoch: string, recovered: boolean }} Joined
 * @typedef {{ seq: number, at: number }} Posted
 * @typedef {{ room: string, nonce: string, text: string }} Post
 * @typedef {{ code: string, detail?: string, retryAfterMs?: number }} Refusal
 * @typedef {{ code: string, detail?: string, room?: string }} Notice
 */

/**
 * The answer to a request, or `null` if none came in time.
 *
 * @template T
 * @typedef {{ ok: T, error?: undefined } | { ok?: undefined, error: Refusal } | null} Answer
 */

/** Refusals that waiting may cure, also when they do not say how long. */
const PASSING = new Set(["busy", "unavailable", "unknown", "rate_limited", "overloaded", "retry_first"]);

/**
 * Says whether the same request may succeed later.
 *
 * @param {Refusal} refusal
 */
export function isPassing(refusal) {
  return PASSING.has(refusal.code) || typeof refusal.retryAfterMs === "number";
}

/** The room of those who name none. */
export const DEFAULT_ROOM = "lobby";

const ROOM = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Reads a room's name from a location's hash, `#room=name` or `#name`.
 *
 * @param {string} hash
 * @returns {string | null} `null` if it is not a room's name.
 */
export function roomOfHash(hash) {
  const name = hash.replace(/^#(room=)?/, "");
  if (name === "") return DEFAULT_ROOM;
  return ROOM.test(name) ? name : null;
}

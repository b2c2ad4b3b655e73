// @ts-check
/**
 * What the node and the page say to each other in namespace `/chat`.
 *
 * @typedef {{ epoch: string, seq: number }} RoomPosition A place in one room of one log.
 * @typedef {{ id: string, name: string, color?: number }} User Its colour is a hue, 0 to 359.
 *
 * @typedef {object} Message
 * @property {string} room
 * @property {number} seq Its place in the room, from 1, without gaps.
 * @property {string} kind "text"; "edit", "delete", "react", "unreact"; or one that this page steps over.
 * @property {number} [of] The place of the text that it is about, where it is no text itself.
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
 * @property {{ maxMessageBytes?: number, roomsPerSession?: number }} [limits]
 * @property {Record<string, { head: number, recovered: boolean }>} [rooms] Those already joined.
 *
 * @typedef {"text" | "edit" | "delete" | "react" | "unreact"} Kind What the page itself says.
 * @typedef {{ head: number, epoch: string, recovered: boolean }} JoinResult
 * @typedef {{ seq: number, at: number }} PostResult
 * @typedef {{ room: string, nonce: string, text?: string, kind?: Kind, of?: number }} Post
 * @typedef {{ messages: Message[], more: boolean, amendments?: Message[] }} Page
 *   Part of a room's history, ascending; with what was said later about its texts.
 * @typedef {{ room: string, head: number, last?: Message }} RoomSummary A room in the list of all.
 * @typedef {{ members: User[], count: number, complete: boolean }} MemberSnapshot
 * @typedef {{ room: string, joined: User[], left: string[], count: number }} PresenceUpdate
 * @typedef {{ room: string, user: User }} Typing
 * @typedef {{ id: string, sessions: number, since: number }} NodeInfo
 * @typedef {{ node: string, nodes: NodeInfo[] }} NodeList
 * @typedef {{ code: string, detail?: string, retryAfterMs?: number }} Refusal
 * @typedef {{ code: string, detail?: string, room?: string }} Notice
 */

/**
 * The answer to a request, or `null` if none came in time.
 *
 * @template T
 * @typedef {{ ok: T, error?: undefined } | { ok?: undefined, error: Refusal } | null} Response
 */

/** Refusals that waiting may cure, also when they do not say how long. */
const RETRYABLE = new Set(["busy", "unavailable", "unknown", "rate_limited", "overloaded", "retry_first"]);

/**
 * Says whether the same request may succeed later.
 *
 * @param {Refusal} refusal
 */
export function isRetryable(refusal) {
  return RETRYABLE.has(refusal.code) || typeof refusal.retryAfterMs === "number";
}

/** Refusals of a node that is older than this page: what was asked for is not there at all. */
const UNSUPPORTED = new Set(["unknown_event", "not_implemented", "not_found"]);

/**
 * Says whether the node cannot do such a thing, whatever is asked.
 *
 * @param {Refusal} refusal
 */
export function isUnsupported(refusal) {
  return UNSUPPORTED.has(refusal.code);
}

/** The room of those who name none. */
export const DEFAULT_ROOM = "lobby";

const ROOM = /^[A-Za-z0-9._-]{1,64}$/;

/** What to tell people whose room has no such name. */
export const ROOM_RULE = "A room's name is 1 to 64 of a-z, A-Z, 0-9, '-', '_' and '.'.";

/** @param {string} name */
export function isRoomName(name) {
  return ROOM.test(name);
}

/**
 * Reads a room's name from a location's hash, `#room=name` or `#name`.
 *
 * @param {string} hash
 * @returns {string | null} `null` if it is not a room's name.
 */
export function roomFromHash(hash) {
  const name = hash.replace(/^#(room=)?/, "");
  if (name === "") return DEFAULT_ROOM;
  return ROOM.test(name) ? name : null;
}

/** @param {string} room */
export function hashForRoom(room) {
  return room === DEFAULT_ROOM ? "" : `room=${room}`;
}

/** @param {string} text */
export function utf8Length(text) {
  return new TextEncoder().encode(text).length;
}

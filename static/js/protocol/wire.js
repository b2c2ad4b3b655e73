// @ts-check
/**
 * The wire types of namespace `/chat`, and the rules for names and error codes.
 *
 * @typedef {{ epoch: string, seq: number }} RoomPosition A position in one room of one log.
 * @typedef {{ id: string, name: string, color?: number }} User Its colour is a hue, 0 to 359.
 *
 * @typedef {object} Message
 * @property {string} room
 * @property {number} seq Its sequence number in the room, from 1, without gaps.
 * @property {string} kind "text"; "edit", "delete", "react", "unreact"; or one that this page ignores.
 * @property {number} [of] The seq of the text that it amends; absent for a text.
 * @property {User} author
 * @property {string} text
 * @property {number} at Milliseconds since 1970.
 * @property {string} [nonce] Sent to its author only.
 * @property {string} [node] The node that stored it.
 *
 * @typedef {object} Session The first event of each connection.
 * @property {string} session
 * @property {string} token
 * @property {User} user
 * @property {string} node
 * @property {string} epoch
 * @property {{ maxMessageBytes?: number, roomsPerSession?: number }} [limits]
 * @property {Record<string, { head: number, recovered: boolean }>} [rooms] The rooms joined at connect.
 *
 * @typedef {"text" | "edit" | "delete" | "react" | "unreact"} Kind The kinds that the page posts.
 * @typedef {{ head: number, epoch: string, recovered: boolean }} JoinResult
 * @typedef {{ seq: number, at: number }} PostResult
 * @typedef {{ room: string, nonce: string, text?: string, kind?: Kind, of?: number }} Post
 * @typedef {{ messages: Message[], more: boolean, amendments?: Message[] }} Page
 *   Part of a room's history, ascending, with later amendments of its texts.
 * @typedef {{ room: string, head: number, last?: Message }} RoomSummary An entry in the list of all rooms.
 * @typedef {{ members: User[], count: number, complete: boolean }} MemberSnapshot
 * @typedef {{ room: string, joined: User[], left: string[], count: number }} PresenceUpdate
 * @typedef {{ room: string, user: User }} Typing
 * @typedef {{ id: string, sessions: number, since: number }} NodeInfo
 * @typedef {{ node: string, nodes: NodeInfo[] }} NodeList
 * @typedef {{ code: string, detail?: string, retryAfterMs?: number }} Refusal
 * @typedef {{ code: string, detail?: string, room?: string }} Notice
 */

/**
 * The response to a request; `null` if none came in time.
 *
 * @template T
 * @typedef {{ ok: T, error?: undefined } | { ok?: undefined, error: Refusal } | null} Response
 */

/** Error codes that are retryable even without `retryAfterMs`. */
const RETRYABLE = new Set(["busy", "unavailable", "unknown", "rate_limited", "overloaded", "retry_first"]);

/**
 * Whether the same request may succeed later.
 *
 * @param {Refusal} refusal
 */
export function isRetryable(refusal) {
  return RETRYABLE.has(refusal.code) || typeof refusal.retryAfterMs === "number";
}

/** Error codes of a node that is older than this page and lacks the feature. */
const UNSUPPORTED = new Set(["unknown_event", "not_implemented", "not_found"]);

/**
 * Whether the node does not support the request at all.
 *
 * @param {Refusal} refusal
 */
export function isUnsupported(refusal) {
  return UNSUPPORTED.has(refusal.code);
}

/** The room of an address that names none. */
export const DEFAULT_ROOM = "lobby";

const ROOM_NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** Shown to someone who enters an invalid room name. */
export const ROOM_RULE = "A room's name is 1 to 64 characters of a-z, A-Z, 0-9, '-', '_' and '.'.";

/** @param {string} name */
export function isRoomName(name) {
  return ROOM_NAME.test(name);
}

/**
 * Reads a room's name from a location's hash, `#room=name` or `#name`.
 *
 * @param {string} hash
 * @returns {string | null} `null` if it is not a valid name.
 */
export function roomFromHash(hash) {
  const name = hash.replace(/^#(room=)?/, "");
  if (name === "") return DEFAULT_ROOM;
  return isRoomName(name) ? name : null;
}

/** @param {string} room */
export function hashForRoom(room) {
  return room === DEFAULT_ROOM ? "" : `room=${room}`;
}

/** The length of a text in bytes of UTF-8. @param {string} text */
export function utf8Length(text) {
  return new TextEncoder().encode(text).length;
}

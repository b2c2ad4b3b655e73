// @ts-check
/**
 * The texts of the status banner and of the page's own notes.
 *
 * @typedef {object} ConnectionStatus
 * @property {boolean} online Whether a node has given us a session.
 * @property {boolean} wasOnline Whether one ever did.
 * @property {boolean} networkUp What the browser reports about its network.
 * @property {string} refusedBecause Why the node refused the connection; empty if it did not.
 * @property {number | null} retryInMs When the next attempt is due; `null`: it is under way.
 * @property {"away" | "behind" | "live" | "refused"} room
 * @property {number} missing How many messages of the room are known to exist and have not arrived yet.
 * @property {string} roomRefusal Why the room cannot be joined.
 *
 * @typedef {{ tone: "ok" | "busy" | "bad" | "good", text: string, retry: boolean }} Banner
 *   `retry`: whether to offer the next attempt at once.
 */

/** @type {Banner} */
export const NO_BANNER = { tone: "ok", text: "", retry: false };

/**
 * @param {ConnectionStatus} status
 * @returns {Banner}
 */
export function bannerFor({ online, wasOnline, networkUp, refusedBecause, retryInMs, room, missing, roomRefusal }) {
  if (!online) {
    const next = retryInMs === null ? "Reconnecting…" : `Reconnecting in ${seconds(retryInMs)} s…`;
    const retry = retryInMs !== null;
    if (!networkUp) return { tone: "bad", text: `You are offline. What you write is kept, and sent once you are back. ${next}`, retry };
    if (refusedBecause) return { tone: "bad", text: `The node refused the connection (${refusedBecause}). ${next}`, retry };
    if (!wasOnline && retryInMs === null) return { tone: "busy", text: "Connecting…", retry: false };
    return { tone: "bad", text: `${wasOnline ? "Connection lost" : "No connection"}. ${next}`, retry };
  }
  if (room === "refused") return { tone: "bad", text: `This room cannot be entered: ${roomRefusal || "unknown reason"}.`, retry: false };
  if (room === "behind" || room === "away") {
    return { tone: "busy", text: missing === 0 ? "Catching up…" : `Catching up: ${count(missing)} missed…`, retry: false };
  }
  return NO_BANNER;
}

/**
 * The banner after an absence that was shown.
 *
 * @param {number} missed How many messages were posted meanwhile.
 * @returns {Banner}
 */
export function backOnline(missed) {
  return { tone: "good", text: missed === 0 ? "You are back. Nothing was missed." : `You are back. ${count(missed)} came meanwhile.`, retry: false };
}

/** @param {number} ms */
function seconds(ms) {
  return Math.max(1, Math.ceil(ms / 1_000));
}

/** @param {number} messages */
function count(messages) {
  return messages === 1 ? "1 message" : `${messages} messages`;
}

/** @type {Record<string, string>} */
const NOTICES = {
  history_pruned: "Some messages are past the retention period and are missing here.",
};

/**
 * The note to show for a node's notice.
 *
 * @param {import("../protocol/wire.js").Notice} notice
 */
export function noticeText({ code, detail }) {
  return NOTICES[code] ?? `The node says: ${detail ?? code}`;
}

/** The note to show after joining a room. @type {Record<import("../protocol/cursor.js").JoinOutcome, string>} */
export const JOIN_NOTES = {
  fresh: "",
  resumed: "",
  incomplete: "Some messages could not be recovered.",
  replaced: "The message log was replaced. This is the new one, from its start.",
};

// @ts-check
/**
 * What the banner says: nothing, as long as all is well.
 *
 * @typedef {object} Circumstances
 * @property {boolean} online Whether a node has given us a session.
 * @property {boolean} wasOnline Whether one ever did.
 * @property {boolean} network Whether the browser believes in its network.
 * @property {string} trouble What the node said when it refused us.
 * @property {number | null} retryInMs When the next attempt comes; `null`: it is being made.
 * @property {"away" | "behind" | "live" | "refused"} room
 * @property {number} missed How many messages came meanwhile and are not here yet.
 * @property {string} refusal Why the room cannot be entered.
 *
 * @typedef {{ tone: "ok" | "busy" | "bad" | "good", text: string, retry: boolean }} Banner
 *   `retry`: whether somebody may ask for the next attempt at once.
 */

/** @type {Banner} */
export const NO_BANNER = { tone: "ok", text: "", retry: false };

/**
 * @param {Circumstances} now
 * @returns {Banner}
 */
export function banner({ online, wasOnline, network, trouble, retryInMs, room, missed, refusal }) {
  if (!online) {
    const next = retryInMs === null ? "Reconnecting…" : `Reconnecting in ${seconds(retryInMs)} s…`;
    const retry = retryInMs !== null;
    if (!network) return { tone: "bad", text: `You are offline. What you write is kept, and sent once you are back. ${next}`, retry };
    if (trouble) return { tone: "bad", text: `The node refused the connection (${trouble}). ${next}`, retry };
    if (!wasOnline && retryInMs === null) return { tone: "busy", text: "Connecting…", retry: false };
    return { tone: "bad", text: `${wasOnline ? "Connection lost" : "No connection"}. ${next}`, retry };
  }
  if (room === "refused") return { tone: "bad", text: `This room cannot be entered: ${refusal || "it is not known why"}.`, retry: false };
  if (room === "behind" || room === "away") {
    return { tone: "busy", text: missed === 0 ? "Catching up…" : `Catching up: ${count(missed)} missed…`, retry: false };
  }
  return NO_BANNER;
}

/**
 * After an absence that was told of, says that it is over.
 *
 * @param {number} missed How many messages came meanwhile.
 * @returns {Banner}
 */
export function back(missed) {
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
  history_pruned: "Some messages were no longer kept, and are missing here.",
};

/**
 * What to tell people about a notice of the node.
 *
 * @param {import("../protocol/wire.js").Notice} notice
 */
export function noticeText({ code, detail }) {
  return NOTICES[code] ?? `The node says: ${detail ?? code}`;
}

/** @type {Record<import("../protocol/cursor.js").JoinOutcome, string>} */
export const JOIN_NOTES = {
  fresh: "",
  resumed: "",
  incomplete: "Some messages could not be recovered.",
  replaced: "The message log was replaced. This is the new one, from its start.",
};

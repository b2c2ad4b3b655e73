// @ts-check
/**
 * What the banner says: nothing, as long as all is well.
 *
 * @typedef {object} Circumstances
 * @property {boolean} online Whether a node has given us a session.
 * @property {boolean} wasOnline Whether one ever did.
 * @property {boolean} network Whether the browser believes in its network.
 * @property {string} trouble What the node said when it refused us.
 * @property {"away" | "behind" | "live" | "refused"} room
 */

/**
 * @param {Circumstances} now
 * @returns {{ tone: "ok" | "busy" | "bad", text: string }}
 */
export function banner({ online, wasOnline, network, trouble, room }) {
  if (!online) {
    if (!network) return { tone: "bad", text: "You are offline. What you write is sent once you are back." };
    if (trouble) return { tone: "bad", text: `The node refused the connection (${trouble}). Trying again…` };
    if (!wasOnline) return { tone: "busy", text: "Connecting…" };
    return { tone: "bad", text: "Connection lost. Reconnecting…" };
  }
  if (room === "refused") return { tone: "bad", text: "You are not in this room." };
  if (room === "behind" || room === "away") return { tone: "busy", text: "Catching up…" };
  return { tone: "ok", text: "" };
}

/** @type {Record<string, string>} */
const NOTICES = {
  history_pruned: "Some messages were no longer kept, and are missing here.",
};

/**
 * What to tell people about a notice of the node.
 *
 * @param {import("./wire.js").Notice} notice
 */
export function noticeText({ code, detail }) {
  return NOTICES[code] ?? `The node says: ${detail ?? code}`;
}

/** @type {Record<import("./cursor.js").Opening, string>} */
export const OPENINGS = {
  fresh: "",
  resumed: "",
  incomplete: "Some messages could not be recovered.",
  replaced: "The message log was replaced. This is the new one, from its start.",
};

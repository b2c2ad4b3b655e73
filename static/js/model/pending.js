// @ts-check
/**
 * Applies amendments that the node has not yet acked, so that the page shows what the user did
 * without waiting for the network.
 *
 * @typedef {import("./fold.js").Folded} Folded
 * @typedef {import("../protocol/outbox.js").Entry} Entry
 * @typedef {import("../protocol/wire.js").User} User
 */

/**
 * @param {readonly Entry[]} entries The entries of one room, in the order of writing.
 * @returns {Map<number, Entry[]>} The pending amendments, by the seq of their text.
 */
export function byTarget(entries) {
  const targets = new Map();
  for (const entry of entries) {
    if (entry.of === undefined || entry.state === "failed") continue;
    targets.set(entry.of, [...(targets.get(entry.of) ?? []), entry]);
  }
  return targets;
}

/**
 * @param {Folded} folded
 * @param {readonly Entry[]} entries The pending amendments of this text.
 * @param {User} me
 * @returns {Folded}
 */
export function withPending(folded, entries, me) {
  let result = folded;
  for (const { kind, text } of entries) {
    if (kind === "edit") result = { ...result, text, edited: true };
    else if (kind === "delete") result = { ...result, text: "", deleted: true, reactions: [] };
    else result = { ...result, reactions: withReaction(result, text, me, kind === "react") };
  }
  return result;
}

/**
 * @param {Folded} folded
 * @param {string} text
 * @param {User} me
 * @param {boolean} on
 */
function withReaction({ reactions }, text, me, on) {
  const known = reactions.find((reaction) => reaction.text === text) ?? { text, users: [] };
  const users = known.users.filter(({ id }) => id !== me.id);
  const changed = { text, users: on ? [...users, me] : users };
  const others = reactions.some((reaction) => reaction.text === text)
    ? reactions.map((reaction) => (reaction.text === text ? changed : reaction))
    : [...reactions, changed];
  return others.filter((reaction) => 0 < reaction.users.length);
}

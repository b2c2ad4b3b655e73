// @ts-check
/**
 * What we have said about texts and the node has not yet taken, as if it had: the page does not wait
 * for the network to show what somebody did.
 *
 * @typedef {import("./fold.js").Folded} Folded
 * @typedef {import("../protocol/outbox.js").Entry} Entry
 * @typedef {import("../protocol/wire.js").User} User
 */

/**
 * @param {readonly Entry[]} entries Of one room, in the order of writing.
 * @returns {Map<number, Entry[]>} By the text that they are about.
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
 * @param {readonly Entry[]} entries About this text.
 * @param {User} me
 * @returns {Folded}
 */
export function foreseen(folded, entries, me) {
  let seen = folded;
  for (const { kind, text } of entries) {
    if (kind === "edit") seen = { ...seen, text, edited: true };
    else if (kind === "delete") seen = { ...seen, text: "", deleted: true, reactions: [] };
    else seen = { ...seen, reactions: voted(seen, text, me, kind === "react") };
  }
  return seen;
}

/**
 * @param {Folded} folded
 * @param {string} text
 * @param {User} me
 * @param {boolean} on
 */
function voted({ reactions }, text, me, on) {
  const known = reactions.find((reaction) => reaction.text === text) ?? { text, users: [] };
  const users = known.users.filter(({ id }) => id !== me.id);
  const changed = { text, users: on ? [...users, me] : users };
  const others = reactions.some((reaction) => reaction.text === text)
    ? reactions.map((reaction) => (reaction.text === text ? changed : reaction))
    : [...reactions, changed];
  return others.filter((reaction) => 0 < reaction.users.length);
}

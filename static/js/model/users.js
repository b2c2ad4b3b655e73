// @ts-check
/**
 * What people are called and coloured on the page.
 *
 * Names are free and not unique, and may hold characters that nobody sees; where two people in view
 * would look alike, a part of their ids tells them apart.
 *
 * @typedef {import("../protocol/wire.js").User} User
 */

/** The longest name that a node takes, in bytes of UTF-8. */
export const NAME_BYTES_MAX = 64;
/** How much of an id is shown. */
const MARK_LENGTH = 4;

/** What has no width, or turns the direction of what follows. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0\u2800]/gu;
/** Without these, two names that look alike are not the same text. */
const MARKS = /\p{M}+/gu;

/**
 * A name as it can be seen.
 *
 * @param {string} name
 */
export function displayName(name) {
  // Joiners are part of emoji and of some scripts: they stay between two visible characters.
  const seen = name.replace(UNSEEN, (character, at) => (character === "\u200d" && 0 < at && at < name.length - 1 ? character : ""));
  return seen.replace(/\s+/gu, " ").trim() || "nameless";
}

/**
 * Two names with the same key look alike.
 *
 * @param {string} name
 */
export function nameKey(name) {
  return displayName(name).normalize("NFKD").replace(MARKS, "").replace(UNSEEN, "").toLowerCase();
}

/**
 * The hue that someone chose, or one that follows from the id.
 *
 * @param {User} user
 * @returns {number} 0 to 359.
 */
export function hueOf({ id, color }) {
  if (typeof color === "number" && 0 <= color && color < 360) return Math.floor(color);
  let hash = 0;
  for (const character of id) hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) >>> 0;
  // Neighbouring ids are not to look alike.
  return (hash * 137) % 360;
}

/**
 * The first letters of a name, for where it has to be short.
 *
 * @param {string} name
 */
export function initialsOf(name) {
  const words = displayName(name).split(/[\s._-]+/u).filter(Boolean);
  const [first = "?", second = ""] = words.length < 2 ? [words[0]] : [words[0], words.at(-1)];
  return (firstOf(first) + firstOf(second)).toUpperCase();
}

/**
 * Who needs a mark, since someone else in view looks the same.
 *
 * @param {Iterable<User>} users
 * @returns {Map<string, string>} By id.
 */
export function marksOf(users) {
  /** @type {Map<string, Set<string>>} */
  const byKey = new Map();
  for (const { id, name } of users) {
    const key = nameKey(name);
    byKey.set(key, (byKey.get(key) ?? new Set()).add(id));
  }
  const marks = new Map();
  for (const ids of byKey.values()) {
    if (1 < ids.size) for (const id of ids) marks.set(id, id.slice(0, MARK_LENGTH));
  }
  return marks;
}

/** @param {string} word */
function firstOf(word) {
  return [...word][0] ?? "";
}

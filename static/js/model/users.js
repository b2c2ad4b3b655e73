// @ts-check
/**
 * How users are shown: names, colours, initials.
 *
 * Names are free-form and not unique, and may hold invisible characters. Where two users in view
 * would look the same, a part of their ids tells them apart.
 *
 * @typedef {import("../protocol/wire.js").User} User
 */

/** The longest name that a node accepts, in bytes of UTF-8. */
export const NAME_BYTES_MAX = 64;
/** How many characters of an id are shown. */
const MARK_LENGTH = 4;

/** Characters without width, or that change the text direction. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0\u2800]/gu;
/** Combining marks, such as accents. */
const COMBINING = /\p{M}+/gu;

/**
 * A name without invisible characters.
 *
 * @param {string} name
 */
export function displayName(name) {
  // Zero-width joiners are part of emoji and of some scripts, and are kept inside a name.
  const visible = name.replace(INVISIBLE, (character, at) => (character === "\u200d" && 0 < at && at < name.length - 1 ? character : ""));
  return visible.replace(/\s+/gu, " ").trim() || "nameless";
}

/**
 * Names with the same key look alike.
 *
 * @param {string} name
 */
export function nameKey(name) {
  return displayName(name).normalize("NFKD").replace(COMBINING, "").replace(INVISIBLE, "").toLowerCase();
}

/**
 * The hue that a user chose, or one derived from the id.
 *
 * @param {User} user
 * @returns {number} 0 to 359.
 */
export function hueOf({ id, color }) {
  if (typeof color === "number" && 0 <= color && color < 360) return Math.floor(color);
  let hash = 0;
  for (const character of id) hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) >>> 0;
  // Spreads similar ids over the colour wheel.
  return (hash * 137) % 360;
}

/**
 * One or two initials of a name.
 *
 * @param {string} name
 */
export function initialsOf(name) {
  const words = displayName(name).split(/[\s._-]+/u).filter(Boolean);
  const [first = "?", second = ""] = words.length < 2 ? [words[0]] : [words[0], words.at(-1)];
  return (firstCharacter(first) + firstCharacter(second)).toUpperCase();
}

/**
 * The marks that tell users apart who would look the same.
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
function firstCharacter(word) {
  return [...word][0] ?? "";
}

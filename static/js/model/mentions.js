// @ts-check
/** Finds and inserts mentions: `@` and a name, at the beginning of a word. */
import { nameKey } from "./users.js";

/** A character that, after a name, makes it a longer name. */
const NAME_CONTINUES = /[\p{L}\p{N}_]/u;
/** A character that, before the `@`, makes it part of an email address. */
const NO_MENTION_AFTER = /[\p{L}\p{N}_.]$/u;

/** A mention of any one-word name. */
const ONE_WORD = /@[\p{L}\p{N}](?:[\p{L}\p{N}_.-]{0,62}[\p{L}\p{N}_])?/uy;

/**
 * Parses the mention that begins at an index.
 *
 * @param {string} text
 * @param {number} at The index of the `@`.
 * @param {string | undefined} ownName The reader's name, which may have several words.
 * @returns {{ length: number, own: boolean } | null}
 */
export function mentionAt(text, at, ownName) {
  if (text[at] !== "@" || NO_MENTION_AFTER.test(text.slice(Math.max(0, at - 2), at))) return null;
  if (ownName && isNameAt(text, at + 1, ownName)) return { length: ownName.length + 1, own: true };
  ONE_WORD.lastIndex = at;
  const [word] = ONE_WORD.exec(text) ?? [];
  return word ? { length: word.length, own: false } : null;
}

/**
 * Whether a text mentions someone of this name.
 *
 * @param {string} text
 * @param {string} name
 */
export function mentions(text, name) {
  for (let at = text.indexOf("@"); at !== -1; at = text.indexOf("@", at + 1)) {
    if (mentionAt(text, at, name)?.own) return true;
  }
  return false;
}

/**
 * The beginning of a name that is being typed at the caret, after an `@`.
 *
 * @param {string} text
 * @param {number} caret
 * @returns {{ from: number, prefix: string } | null}
 */
export function mentionBefore(text, caret) {
  const from = text.lastIndexOf("@", caret - 1);
  if (from === -1 || 64 < caret - from || NO_MENTION_AFTER.test(text.slice(Math.max(0, from - 2), from))) return null;
  const prefix = text.slice(from + 1, caret);
  return /[\n@]/.test(prefix) ? null : { from, prefix };
}

/**
 * Inserts a mention at the caret, as a word of its own, or completes one that was begun.
 *
 * @param {string} text
 * @param {number} caret
 * @param {string} name
 * @param {number} [begun] The index of the `@` of the mention to complete.
 * @returns {{ text: string, caret: number }}
 */
export function withMention(text, caret, name, begun) {
  const from = begun ?? caret;
  const gap = begun === undefined && /\S/.test(text[from - 1] ?? " ") ? " " : "";
  const before = `${text.slice(0, from)}${gap}@${name} `;
  return { text: before + text.slice(caret), caret: before.length };
}

/**
 * @param {string} text
 * @param {number} at
 * @param {string} name
 */
function isNameAt(text, at, name) {
  const written = text.slice(at, at + name.length);
  if (nameKey(written) !== nameKey(name) || written.trim() === "") return false;
  return !NAME_CONTINUES.test(String.fromCodePoint(text.codePointAt(at + name.length) ?? 32));
}

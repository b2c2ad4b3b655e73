// @ts-check
/** Who is called upon in a text: `@` and a name, at the beginning of a word. */
import { nameKey } from "./users.js";

/** What may follow a name: nothing that would make it another's. */
const GOES_ON = /[\p{L}\p{N}_]/u;
/** What may not precede the sign: it would be an address. */
const BEFORE = /[\p{L}\p{N}_.]$/u;

/** Any name of one word. */
const WORD = /@[\p{L}\p{N}](?:[\p{L}\p{N}_.-]{0,62}[\p{L}\p{N}_])?/uy;

/**
 * Reads a mention that begins at a place of a text.
 *
 * @param {string} text
 * @param {number} at Where the `@` is.
 * @param {string | undefined} own The reader's name, which may have several words.
 * @returns {{ length: number, own: boolean } | null}
 */
export function mentionAt(text, at, own) {
  if (text[at] !== "@" || BEFORE.test(text.slice(Math.max(0, at - 2), at))) return null;
  if (own && isNameAt(text, at + 1, own)) return { length: own.length + 1, own: true };
  WORD.lastIndex = at;
  const [word] = WORD.exec(text) ?? [];
  return word ? { length: word.length, own: false } : null;
}

/**
 * Whether a text calls upon someone of this name.
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
 * The beginning of a name that is being written at the cursor, after an `@`.
 *
 * @param {string} text
 * @param {number} caret
 * @returns {{ from: number, prefix: string } | null}
 */
export function mentionBefore(text, caret) {
  const from = text.lastIndexOf("@", caret - 1);
  if (from === -1 || 64 < caret - from || BEFORE.test(text.slice(Math.max(0, from - 2), from))) return null;
  const prefix = text.slice(from + 1, caret);
  return /[\n@]/.test(prefix) ? null : { from, prefix };
}

/**
 * Puts a mention into a text: at the cursor, as a word of its own, or in place of one that was begun.
 *
 * @param {string} text
 * @param {number} caret
 * @param {string} name
 * @param {number} [begun] Where the `@` of the one that was begun is.
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
  return !GOES_ON.test(String.fromCodePoint(text.codePointAt(at + name.length) ?? 32));
}

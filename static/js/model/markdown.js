// @ts-check
/**
 * A small part of Markdown, read into a tree: emphasis, code, quotes, links, mentions.
 *
 * What is none of it stays as it was written, so that nothing is lost. The tree holds texts only;
 * the view makes elements of it. It takes time in proportion to the text's length, whatever is in it.
 *
 * @typedef {string | { type: "strong" | "em" | "strike", parts: Part[] } | { type: "code", text: string }
 *   | { type: "link", href: string, text: string } | { type: "mention", text: string, own: boolean }} Part
 * @typedef {{ type: "text", parts: Part[] } | { type: "code", text: string } | { type: "quote", blocks: Block[] }} Block
 */
import { mentionAt } from "./mentions.js";

/** How deep quotes and emphasis may be nested; what is deeper is text. */
const DEPTH_MAX = 4;

const FENCE = /^```[^`]*$/;
const FENCE_END = /^```\s*$/;
const QUOTE = /^> ?/;
/** What no address has in it. */
const OUTSIDE = String.raw`\s<>"\x60\u0000-\u001f\u200b-\u200f\u202a-\u202e\u2066-\u2069`;
/** An address up to the slash behind its host, and the host in it. */
const LINK_HEAD = new RegExp(String.raw`https?://[/\\]*([^${OUTSIDE}/\\?#]*)[^${OUTSIDE}/\\]*`, "iy");
const LINK_REST = new RegExp(`[^${OUTSIDE}]*`, "y");
/** No host is longer: a name has at most 253 letters. What reads them takes the square of their length. */
const HOST_MAX = 300;
/** What ends a sentence rather than an address. */
const AFTER_LINK = new Set(".,;:!?'\"*_~");
/** A bracket that was opened before the address closes after it. @type {Record<string, string>} */
const CLOSING = { ")": "(", "]": "[", "}": "{" };
const WORD = /[\p{L}\p{N}]/u;

/** Longer ones first: `**` is not two `*`. @type {[mark: string, type: "strong" | "em" | "strike"][]} */
const EMPHASIS = [
  ["**", "strong"],
  ["~~", "strike"],
  ["*", "em"],
  ["_", "em"],
];

/**
 * @param {string} text
 * @param {string} [own] The reader's name.
 * @returns {Block[]}
 */
export function parse(text, own) {
  return blocksOf(text.replace(/\r\n?/g, "\n").split("\n"), own, 0);
}

/**
 * @param {string[]} lines
 * @param {string | undefined} own
 * @param {number} depth
 */
function blocksOf(lines, own, depth) {
  /** @type {Block[]} */
  const blocks = [];
  /** @type {string[]} */
  let plain = [];
  const flush = () => {
    // Around other blocks, empty lines are space that is there already.
    const all = blocks.length === 0 && plain.length === lines.length;
    const kept = (all ? plain : withoutEmptyEnds(plain)).join("\n");
    if (kept !== "") blocks.push({ type: "text", parts: inline(kept, own, 0) });
    plain = [];
  };
  const lastFence = lines.findLastIndex((line) => FENCE_END.test(line));
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? "";
    if (FENCE.test(line) && at < lastFence) {
      const end = nextLine(lines, at + 1, (other) => FENCE_END.test(other));
      flush();
      blocks.push({ type: "code", text: lines.slice(at + 1, end).join("\n") });
      at = end + 1;
    } else if (QUOTE.test(line) && depth < DEPTH_MAX) {
      const end = nextLine(lines, at + 1, (other) => !QUOTE.test(other));
      const quoted = lines.slice(at, end).map((one) => one.replace(QUOTE, ""));
      flush();
      blocks.push({ type: "quote", blocks: blocksOf(quoted, own, depth + 1) });
      at += quoted.length;
    } else {
      plain.push(line);
      at += 1;
    }
  }
  flush();
  return blocks;
}

/**
 * The next line that fits, or the end of all.
 *
 * @param {string[]} lines
 * @param {number} from
 * @param {(line: string) => boolean} fits
 */
function nextLine(lines, from, fits) {
  let at = from;
  while (at < lines.length && !fits(lines[at] ?? "")) at += 1;
  return at;
}

/** @param {string[]} lines */
function withoutEmptyEnds(lines) {
  const isFull = (/** @type {string} */ line) => line !== "";
  return lines.slice(nextLine(lines, 0, isFull), lines.findLastIndex(isFull) + 1);
}

/**
 * @param {string} text
 * @param {string | undefined} own
 * @param {number} depth
 * @returns {Part[]}
 */
function inline(text, own, depth) {
  /** @type {Part[]} */
  const parts = [];
  /** Marks that nothing closes from here on. @type {Set<string>} */
  const open = new Set();
  let from = 0;
  let at = 0;
  /** @param {Part} part @param {number} length */
  const take = (part, length) => {
    if (from < at) parts.push(text.slice(from, at));
    parts.push(part);
    at += length;
    from = at;
  };
  while (at < text.length) {
    const found = codeAt(text, at, open) ?? linkAt(text, at) ?? mentionPart(text, at, own) ?? emphasisAt(text, at, own, depth, open);
    if (found) take(found.part, found.length);
    else at += 1;
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}

/** @typedef {{ part: Part, length: number } | null} Found */

/**
 * @param {string} text
 * @param {number} at
 * @param {Set<string>} open
 * @returns {Found}
 */
function codeAt(text, at, open) {
  if (text[at] !== "`" || open.has("`")) return null;
  const end = text.indexOf("`", at + 1);
  if (end === -1) open.add("`");
  if (end <= at + 1) return null;
  return { part: { type: "code", text: text.slice(at + 1, end) }, length: end + 1 - at };
}

/**
 * @param {string} text
 * @param {number} at
 * @returns {Found}
 */
function linkAt(text, at) {
  const letter = text[at];
  if ((letter !== "h" && letter !== "H") || (0 < at && WORD.test(text[at - 1] ?? ""))) return null;
  const link = addressAt(text, at);
  if (link === null) return null;
  return { part: { type: "link", href: new URL(link).href, text: link }, length: link.length };
}

/**
 * The address that begins at a place.
 *
 * Only its head can be wrong, and is read first: many heads may stand before one rest.
 *
 * @param {string} text
 * @param {number} at
 */
function addressAt(text, at) {
  LINK_HEAD.lastIndex = at;
  const [head = "", host = ""] = LINK_HEAD.exec(text) ?? [];
  if (HOST_MAX < host.length) return null;
  const end = at + head.length;
  const goesOn = text[end] === "/" || text[end] === "\\";
  const begun = goesOn ? head : addressIn(head);
  if (!URL.canParse(begun)) return null;
  if (!goesOn) return begun;
  LINK_REST.lastIndex = end;
  return addressIn(head + (LINK_REST.exec(text)?.[0] ?? ""));
}

/**
 * The address without what belongs to the sentence around it.
 *
 * @param {string} matched
 */
function addressIn(matched) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const character of matched) counts.set(character, (counts.get(character) ?? 0) + 1);
  let end = matched.length;
  for (; 0 < end; end -= 1) {
    const last = matched[end - 1] ?? "";
    const opening = CLOSING[last];
    const unopened = opening !== undefined && (counts.get(opening) ?? 0) < (counts.get(last) ?? 0);
    if (!AFTER_LINK.has(last) && !unopened) break;
    counts.set(last, (counts.get(last) ?? 0) - 1);
  }
  return matched.slice(0, end);
}

/**
 * @param {string} text
 * @param {number} at
 * @param {string | undefined} own
 * @returns {Found}
 */
function mentionPart(text, at, own) {
  const mention = text[at] === "@" ? mentionAt(text, at, own) : null;
  if (!mention) return null;
  return { part: { type: "mention", text: text.slice(at, at + mention.length), own: mention.own }, length: mention.length };
}

/**
 * @param {string} text
 * @param {number} at
 * @param {string | undefined} own
 * @param {number} depth
 * @param {Set<string>} open
 * @returns {Found}
 */
function emphasisAt(text, at, own, depth, open) {
  const [mark, type] = EMPHASIS.find(([one]) => text.startsWith(one, at)) ?? [];
  if (!mark || !type || open.has(mark) || DEPTH_MAX <= depth || !opens(text, at, mark)) return null;
  const end = closing(text, at + mark.length, mark);
  if (end === -1) {
    open.add(mark);
    return null;
  }
  const parts = inline(text.slice(at + mark.length, end), own, depth + 1);
  return { part: { type, parts }, length: end + mark.length - at };
}

/**
 * @param {string} text
 * @param {number} at
 * @param {string} mark
 */
function opens(text, at, mark) {
  const before = text[at - 1] ?? " ";
  const after = text[at + mark.length] ?? " ";
  return !/\s/u.test(after) && after !== mark[0] && !(mark[0] === "_" && WORD.test(before));
}

/**
 * @param {string} text
 * @param {number} from
 * @param {string} mark
 */
function closing(text, from, mark) {
  for (let at = text.indexOf(mark, from + 1); at !== -1; at = text.indexOf(mark, at + 1)) {
    const before = text[at - 1] ?? " ";
    const after = text[at + mark.length] ?? " ";
    const double = mark.length === 1 && (before === mark || after === mark);
    if (!double && !/\s/u.test(before) && !(mark === "_" && WORD.test(after))) return at;
  }
  return -1;
}

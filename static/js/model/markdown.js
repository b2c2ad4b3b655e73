// @ts-check
/**
 * Parses a subset of Markdown into a tree: emphasis, code, quotes, links, mentions.
 *
 * Everything else stays as written. The tree holds plain text only; the view creates the elements.
 * Parsing takes time linear in the text's length, whatever the text is.
 *
 * @typedef {string | { type: "strong" | "em" | "strike", parts: Part[] } | { type: "code", text: string }
 *   | { type: "link", href: string, text: string } | { type: "mention", text: string, own: boolean }} Part
 * @typedef {{ type: "text", parts: Part[] } | { type: "code", text: string } | { type: "quote", blocks: Block[] }} Block
 */
import { mentionAt } from "./mentions.js";

/** How deep quotes and emphasis may be nested; deeper ones stay text. */
const DEPTH_MAX = 4;

const FENCE = /^```[^`]*$/;
const FENCE_END = /^```\s*$/;
const QUOTE = /^> ?/;
/** Characters that end a URL. */
const NOT_IN_URL = String.raw`\s<>"\x60\u0000-\u001f\u200b-\u200f\u202a-\u202e\u2066-\u2069`;
/** A URL up to the slash after its host; captures the host. */
const LINK_HEAD = new RegExp(String.raw`https?://[/\\]*([^${NOT_IN_URL}/\\?#]*)[^${NOT_IN_URL}/\\]*`, "iy");
const LINK_REST = new RegExp(`[^${NOT_IN_URL}]*`, "y");
/** A host name has at most 253 characters. The limit is needed since parsing a URL's host takes quadratic time. */
const HOST_MAX = 300;
/** Characters that, at the end of a URL, belong to the sentence around it. */
const TRAILING = new Set(".,;:!?'\"*_~");
/** The opening bracket of each closing one. @type {Record<string, string>} */
const OPENING_BRACKET = { ")": "(", "]": "[", "}": "{" };
const WORD = /[\p{L}\p{N}]/u;

/** Longer marks first: `**` is not two `*`. @type {[mark: string, type: "strong" | "em" | "strike"][]} */
const EMPHASIS = [
  ["**", "strong"],
  ["~~", "strike"],
  ["*", "em"],
  ["_", "em"],
];

/**
 * @param {string} text
 * @param {string} [ownName] The reader's name.
 * @returns {Block[]}
 */
export function parse(text, ownName) {
  return blocksOf(text.replace(/\r\n?/g, "\n").split("\n"), ownName, 0);
}

/**
 * @param {string[]} lines
 * @param {string | undefined} ownName
 * @param {number} depth
 */
function blocksOf(lines, ownName, depth) {
  /** @type {Block[]} */
  const blocks = [];
  /** @type {string[]} */
  let plain = [];
  const flush = () => {
    // Next to other blocks, empty lines are dropped, since blocks have a margin.
    const onlyText = blocks.length === 0 && plain.length === lines.length;
    const kept = (onlyText ? plain : withoutEmptyEnds(plain)).join("\n");
    if (kept !== "") blocks.push({ type: "text", parts: inline(kept, ownName, 0) });
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
      blocks.push({ type: "quote", blocks: blocksOf(quoted, ownName, depth + 1) });
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
 * The index of the next line that matches, or of the end.
 *
 * @param {string[]} lines
 * @param {number} from
 * @param {(line: string) => boolean} matches
 */
function nextLine(lines, from, matches) {
  let at = from;
  while (at < lines.length && !matches(lines[at] ?? "")) at += 1;
  return at;
}

/** @param {string[]} lines */
function withoutEmptyEnds(lines) {
  const isNotEmpty = (/** @type {string} */ line) => line !== "";
  return lines.slice(nextLine(lines, 0, isNotEmpty), lines.findLastIndex(isNotEmpty) + 1);
}

/**
 * @param {string} text
 * @param {string | undefined} ownName
 * @param {number} depth
 * @returns {Part[]}
 */
function inline(text, ownName, depth) {
  /** @type {Part[]} */
  const parts = [];
  /** Marks known to have no closing mark from here on; remembered so that the search is not repeated. @type {Set<string>} */
  const unclosed = new Set();
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
    const found = codeAt(text, at, unclosed) ?? linkAt(text, at) ?? mentionPart(text, at, ownName) ?? emphasisAt(text, at, ownName, depth, unclosed);
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
 * @param {Set<string>} unclosed
 * @returns {Found}
 */
function codeAt(text, at, unclosed) {
  if (text[at] !== "`" || unclosed.has("`")) return null;
  const end = text.indexOf("`", at + 1);
  if (end === -1) unclosed.add("`");
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
  const link = urlAt(text, at);
  if (link === null) return null;
  return { part: { type: "link", href: new URL(link).href, text: link }, length: link.length };
}

/**
 * The URL that begins at an index.
 *
 * The part up to the host is validated first, since only that can be invalid: a long text may hold
 * many such beginnings, and scanning the rest for each would take quadratic time.
 *
 * @param {string} text
 * @param {number} at
 */
function urlAt(text, at) {
  LINK_HEAD.lastIndex = at;
  const [head = "", host = ""] = LINK_HEAD.exec(text) ?? [];
  if (HOST_MAX < host.length) return null;
  const end = at + head.length;
  const hasPath = text[end] === "/" || text[end] === "\\";
  const origin = hasPath ? head : trimUrl(head);
  if (!URL.canParse(origin)) return null;
  if (!hasPath) return origin;
  LINK_REST.lastIndex = end;
  return trimUrl(head + (LINK_REST.exec(text)?.[0] ?? ""));
}

/**
 * A URL without the trailing characters that belong to the sentence around it.
 *
 * @param {string} matched
 */
function trimUrl(matched) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const character of matched) counts.set(character, (counts.get(character) ?? 0) + 1);
  let end = matched.length;
  for (; 0 < end; end -= 1) {
    const last = matched[end - 1] ?? "";
    const opening = OPENING_BRACKET[last];
    const unopened = opening !== undefined && (counts.get(opening) ?? 0) < (counts.get(last) ?? 0);
    if (!TRAILING.has(last) && !unopened) break;
    counts.set(last, (counts.get(last) ?? 0) - 1);
  }
  return matched.slice(0, end);
}

/**
 * @param {string} text
 * @param {number} at
 * @param {string | undefined} ownName
 * @returns {Found}
 */
function mentionPart(text, at, ownName) {
  const mention = text[at] === "@" ? mentionAt(text, at, ownName) : null;
  if (!mention) return null;
  return { part: { type: "mention", text: text.slice(at, at + mention.length), own: mention.own }, length: mention.length };
}

/**
 * @param {string} text
 * @param {number} at
 * @param {string | undefined} ownName
 * @param {number} depth
 * @param {Set<string>} unclosed
 * @returns {Found}
 */
function emphasisAt(text, at, ownName, depth, unclosed) {
  const [mark, type] = EMPHASIS.find(([one]) => text.startsWith(one, at)) ?? [];
  if (!mark || !type || unclosed.has(mark) || DEPTH_MAX <= depth || !opens(text, at, mark)) return null;
  const end = closing(text, at + mark.length, mark);
  if (end === -1) {
    unclosed.add(mark);
    return null;
  }
  const parts = inline(text.slice(at + mark.length, end), ownName, depth + 1);
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

// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../static/js/model/markdown.js";

/**
 * @typedef {import("../../static/js/model/markdown.js").Block} Block
 * @typedef {import("../../static/js/model/markdown.js").Part} Part
 */

/** @param {Block[]} blocks @returns {string} */
const line = (blocks) => blocks.map((block) => (block.type === "text" ? block.parts.map(partLine).join("") : block.type === "quote" ? `quote{${line(block.blocks)}}` : `pre{${block.text}}`)).join(" | ");

/** @param {Part} part @returns {string} */
function partLine(part) {
  if (typeof part === "string") return part;
  if (part.type === "link") return part.href === part.text ? `link{${part.text}}` : `link{${part.text} => ${part.href}}`;
  if (part.type === "mention") return `${part.own ? "me" : "mention"}{${part.text}}`;
  return `${part.type}{${part.type === "code" ? part.text : part.parts.map(partLine).join("")}}`;
}

/** @type {[written: string, read: string][]} */
const CASES = [
  ["plain", "plain"],
  ["two\nlines", "two\nlines"],
  ["  kept  as it is ", "  kept  as it is "],
  ["**strong** and *em* and _em_ and ~~gone~~", "strong{strong} and em{em} and em{em} and strike{gone}"],
  ["**strong with *em* in it**", "strong{strong with em{em} in it}"],
  ["*em with **strong** in it*", "em{em with strong{strong} in it}"],
  ["2 * 3 * 4 and 2*3", "2 * 3 * 4 and 2*3"],
  ["snake_case_name and __init__", "snake_case_name and __init__"],
  ["*not closed", "*not closed"],
  ["** not strong **", "** not strong **"],
  ["****", "****"],
  ["a `code *not em*` b", "a code{code *not em*} b"],
  ["a ` alone", "a ` alone"],
  ["``", "``"],
  ["```\nfn main() {}\n  *x*\n```", "pre{fn main() {}\n  *x*}"],
  ["before\n```rust\ncode\n```\nafter", "before | pre{code} | after"],
  ["```\nnot closed", "```\nnot closed"],
  ["> quoted\n> *em*\nanswer", "quote{quoted\nem{em}} | answer"],
  ["> > twice", "quote{quote{twice}}"],
  [">not far", "quote{not far}"],
  ["> ```\n> code\n> ```", "quote{pre{code}}"],
  ["1 > 0", "1 > 0"],
  ["https://example.com/", "link{https://example.com/}"],
  ["see https://example.com/a?b=c#d.", "see link{https://example.com/a?b=c#d}."],
  ["(https://example.com/a)", "(link{https://example.com/a})"],
  ["https://example.com/a_(b)", "link{https://example.com/a_(b)}"],
  ["*https://example.com/*", "em{link{https://example.com/}}"],
  ["https://example.com/snake_case_x", "link{https://example.com/snake_case_x}"],
  ["HTTPS://EXAMPLE.com/", "link{HTTPS://EXAMPLE.com/ => https://example.com/}"],
  ["javascript:alert(1) data:text/html,x file:///etc/passwd", "javascript:alert(1) data:text/html,x file:///etc/passwd"],
  ["https://", "https://"],
  ["https://[bad", "https://[bad"],
  ["[see https://example.com]?", "[see link{https://example.com => https://example.com/}]?"],
  ["http://[bad/,http://example.com/a", "http://[bad/,link{http://example.com/a}"],
  ["https://example.com?q=[a]", "link{https://example.com?q=[a] => https://example.com/?q=[a]}"],
  [`https://${"x".repeat(301)}/`, `https://${"x".repeat(301)}/`],
  ["xhttps://example.com/", "xhttps://example.com/"],
  ['<a href="https://example.com/">x</a>', '<a href="link{https://example.com/}">x</a>'],
  ["<script>alert(1)</script>", "<script>alert(1)</script>"],
  ["https://example.com/\u202Egpj.exe", "link{https://example.com/}\u202Egpj.exe"],
  ["@bob hello", "mention{@bob} hello"],
  ["hello @Ada Lovelace!", "hello me{@Ada Lovelace}!"],
  ["@ada lovelace", "me{@ada lovelace}"],
  ["@Ada Lovelaces", "mention{@Ada} Lovelaces"],
  ["ada@example.com", "ada@example.com"],
  ["@ alone", "@ alone"],
  ["**@bob**", "strong{mention{@bob}}"],
  ["a\r\nb", "a\nb"],
  ["", ""],
];

for (const [written, read] of CASES) {
  test(`reads ${JSON.stringify(written)}`, () => assert.equal(line(parse(written, "Ada Lovelace")), read));
}

test("nesting has an end", () => {
  assert.match(line(parse(`${"> ".repeat(50)}deep`)), /quote\{quote\{quote\{quote\{> > .*deep/);
  assert.ok(line(parse("*a **b *c **d *e **f* g** h* i** j* k**")));
});

/** Units that, repeated, make long texts hard to parse. @type {[what: string, unit: string][]} */
const HARD = [
  ["letters", "a"], ["stars", "*"], ["open stars", "*a "], ["open and closed", "*a*"], ["strong and em", "**a *b "],
  ["ticks", "`"], ["ticks and letters", "`a"], ["underscores", "_a "], ["struck", "~~a "], ["quotes", "> "],
  ["quoted lines", "> a\n"], ["fences", "```\n"], ["at signs", "@"], ["mentions", "@a "], ["schemes", "http://"],
  ["brackets after a link", ")"], ["dots in a link", "."], ["links", "https://a.b/( "],
  ["bad hosts", "http://["], ["bad ports", "http://a:b("], ["bad escapes", "http://%("], ["bad letters in hosts", "http://ü["],
  ["letters in a host of a link", "\u8a9e"], ["slashes", "http:///"], ["empty lines after a quote", "\n"], ["quotes and lines", "> a\nb\n"], ["fences and lines", "```\na\n```\n"],
];

for (const [what, unit] of HARD) {
  // Longer than a node accepts: parsing in quadratic time would take minutes.
  test(`256 KiB of ${what} are read at once`, () => {
    const before = what.includes("after a quote") ? "> a\ny" : what.includes("a host") ? "https://a" : what.includes("a link") ? "https://a.b/" : "";
    const text = before + unit.repeat(262_144 / unit.length) + "x";
    const began = performance.now();
    parse(text, "Ada");
    const tookMs = performance.now() - began;
    // Many times what parsing in linear time takes.
    assert.ok(tookMs < 2_000, `${tookMs} ms`);
  });
}

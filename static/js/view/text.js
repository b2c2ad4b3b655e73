// @ts-check
/** A message's words as elements; what people wrote becomes text and nothing else. */
import { html } from "lit-html";
import { parse } from "../model/markdown.js";

/**
 * @typedef {import("../model/markdown.js").Block} Block
 * @typedef {import("../model/markdown.js").Part} Part
 */

/**
 * @param {string} text
 * @param {string} [own] The reader's name.
 */
export function words(text, own) {
  return html`<div class="text">${parse(text, own).map(block)}</div>`;
}

/**
 * @param {Block} read
 * @returns {unknown}
 */
function block(read) {
  switch (read.type) {
    case "code":
      return html`<pre tabindex="0" aria-label="Code"><code>${read.text}</code></pre>`;
    case "quote":
      return html`<blockquote>${read.blocks.map(block)}</blockquote>`;
    default:
      return html`<p dir="auto">${read.parts.map(part)}</p>`;
  }
}

/**
 * @param {Part} read
 * @returns {unknown}
 */
function part(read) {
  if (typeof read === "string") return read;
  switch (read.type) {
    case "strong":
      return html`<strong>${read.parts.map(part)}</strong>`;
    case "em":
      return html`<em>${read.parts.map(part)}</em>`;
    case "strike":
      return html`<s>${read.parts.map(part)}</s>`;
    case "code":
      return html`<code>${read.text}</code>`;
    case "link":
      // The parser lets http and https through, nothing else.
      return html`<a href=${read.href} target="_blank" rel="noopener noreferrer nofollow">${read.text}</a>`;
    case "mention":
      return html`<span class=${read.own ? "mention own" : "mention"}>${read.text}</span>`;
  }
}

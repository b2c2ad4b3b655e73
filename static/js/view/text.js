// @ts-check
/** Templates of a message's text. What users wrote is rendered as text, never as markup. */
import { html } from "lit-html";
import { parse } from "../model/markdown.js";

/**
 * @typedef {import("../model/markdown.js").Block} Block
 * @typedef {import("../model/markdown.js").Part} Part
 */

/**
 * @param {string} text
 * @param {string} [ownName] The reader's name, to highlight mentions of.
 */
export function messageText(text, ownName) {
  return html`<div class="text">${parse(text, ownName).map(block)}</div>`;
}

/**
 * @param {Block} node
 * @returns {unknown}
 */
function block(node) {
  switch (node.type) {
    case "code":
      return html`<pre tabindex="0" aria-label="Code"><code>${node.text}</code></pre>`;
    case "quote":
      return html`<blockquote>${node.blocks.map(block)}</blockquote>`;
    default:
      return html`<p dir="auto">${node.parts.map(part)}</p>`;
  }
}

/**
 * @param {Part} node
 * @returns {unknown}
 */
function part(node) {
  if (typeof node === "string") return node;
  switch (node.type) {
    case "strong":
      return html`<strong>${node.parts.map(part)}</strong>`;
    case "em":
      return html`<em>${node.parts.map(part)}</em>`;
    case "strike":
      return html`<s>${node.parts.map(part)}</s>`;
    case "code":
      return html`<code>${node.text}</code>`;
    case "link":
      // The parser accepts http and https only.
      return html`<a href=${node.href} target="_blank" rel="noopener noreferrer nofollow">${node.text}</a>`;
    case "mention":
      return html`<span class=${node.own ? "mention own" : "mention"}>${node.text}</span>`;
  }
}

// @ts-check
/** What several parts of the page show in the same way: people, times, buttons of one picture. */
import { html, nothing } from "lit-html";
import { hueOf, initialsOf, displayName } from "../model/users.js";
import { exactTime, isoTime } from "../model/times.js";

/** @typedef {import("../protocol/wire.js").User} User */

/**
 * A style, set by script: the policy forbids those that are written in the page.
 *
 * @param {User} user
 */
export function hueStyle(user) {
  return `--hue:${hueOf(user)}`;
}

/** @param {User} user */
export function avatar(user) {
  return html`<span class="avatar" aria-hidden="true" .style=${hueStyle(user)}>${initialsOf(user.name)}</span>`;
}

/**
 * Someone's name; marked where someone else in view has the same.
 *
 * @param {User} user
 * @param {ReadonlyMap<string, string>} [marks]
 */
export function personName(user, marks) {
  const mark = marks?.get(user.id);
  return html`<bdi class="author" .style=${hueStyle(user)}>${displayName(user.name)}</bdi>${mark ? html`<span class="mark" title="Someone else here has the same name. This is the beginning of this one's id.">#${mark}</span>` : nothing}`;
}

/**
 * @param {number} at
 * @param {string} text
 */
export function time(at, text) {
  return html`<time datetime=${isoTime(at)} title=${exactTime(at)}>${text}</time>`;
}

/**
 * @param {string} label
 * @param {unknown} icon
 * @param {(event: Event) => void} pressed
 * @param {{ pressed?: boolean, className?: string, keys?: string }} [more]
 */
export function iconButton(label, icon, pressed, { pressed: isOn, className = "", keys = "" } = {}) {
  return html`<button type="button" class=${`plain ${className}`} aria-label=${label} title=${keys ? `${label} (${keys})` : label}
    aria-pressed=${isOn === undefined ? nothing : String(isOn)} @click=${pressed}>${icon}</button>`;
}

// @ts-check
/** Shared templates: users, times, icon buttons. */
import { html, nothing } from "lit-html";
import { hueOf, initialsOf, displayName } from "../model/users.js";
import { exactTime, isoTime } from "../model/times.js";

/** @typedef {import("../protocol/wire.js").User} User */

/**
 * A user's hue as an inline style. Set as a property, since the CSP forbids style attributes.
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
 * A user's name, with a mark if another user in view has the same name.
 *
 * @param {User} user
 * @param {ReadonlyMap<string, string>} [marks]
 */
export function personName(user, marks) {
  const mark = marks?.get(user.id);
  return html`<bdi class="author" .style=${hueStyle(user)}>${displayName(user.name)}</bdi>${mark ? html`<span class="mark" title="Someone else here has the same name. This is the beginning of this person's id.">#${mark}</span>` : nothing}`;
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
 * @param {(event: Event) => void} onClick
 * @param {{ pressed?: boolean, className?: string, keys?: string }} [options]
 */
export function iconButton(label, icon, onClick, { pressed: isOn, className = "", keys = "" } = {}) {
  return html`<button type="button" class=${`plain ${className}`} aria-label=${label} title=${keys ? `${label} (${keys})` : label}
    aria-pressed=${isOn === undefined ? nothing : String(isOn)} @click=${onClick}>${icon}</button>`;
}

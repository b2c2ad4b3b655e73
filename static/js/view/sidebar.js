// @ts-check
/** Template of the sidebar: the joined rooms, the other rooms, and the user. */
import { html, nothing } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import { DEFAULT_ROOM, hashForRoom, isRoomName, ROOM_RULE } from "../protocol/wire.js";
import { displayName } from "../model/users.js";
import { shortTime } from "../model/times.js";
import { ICONS } from "./icons.js";
import { avatar, iconButton, personName, time } from "./parts.js";

/**
 * @typedef {import("../app/joined_room.js").JoinedRoom} JoinedRoom
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {import("../protocol/wire.js").User} User
 *
 * @typedef {object} SidebarState
 * @property {Map<string, JoinedRoom>} joined
 * @property {readonly import("../protocol/wire.js").RoomSummary[]} directory
 * @property {string} active The active room's name.
 * @property {string} filter
 * @property {number} now
 * @property {User} me
 * @property {string} node The node of this connection; empty while offline.
 *
 * @typedef {object} SidebarActions
 * @property {(text: string) => void} filter
 * @property {(room: string) => void} openRoom
 * @property {() => void} editProfile
 * @property {() => void} close
 */

/** How many other rooms are listed; the filter finds the rest. */
const OTHERS_MAX = 500;

/**
 * @param {SidebarState} state
 * @param {SidebarActions} actions
 */
export function sidebar(state, actions) {
  const { joined, directory, filter } = state;
  const query = filter.trim().toLowerCase();
  const matches = (/** @type {string} */ name) => name.toLowerCase().includes(query);
  const mine = [...joined.values()].filter(({ name }) => matches(name)).sort(byName);
  const others = directory.filter(({ room }) => !joined.has(room) && matches(room));
  return html`
    <header class="brand">
      <img src="/favicon.svg" alt="" width="28" height="28">
      <p>Chorus</p>
      ${iconButton("Close the list of rooms", ICONS.close, actions.close, { className: "only-small" })}
    </header>
    <form class="finder" role="search" aria-label="Rooms" @submit=${(/** @type {Event} */ event) => submit(event, actions)}>
      <label class="unseen" for="room">Find or create a room</label>
      <input id="room" type="text" placeholder="Find or create a room" maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false" enterkeyhint="go"
        .value=${live(filter)} @input=${(/** @type {Event} */ event) => actions.filter(valueOf(event))}>
    </form>
    <nav aria-label="Rooms">
      ${createButton(state, actions)}
      <h2>Your rooms</h2>
      <ul class="rooms">${repeat(mine, ({ name }) => name, (room) => joinedLine(room, state))}</ul>
      ${mine.length === 0 ? html`<p class="nothing">No matching rooms.</p>` : nothing}
      ${0 < others.length ? html`<h2>Other rooms</h2>
        <ul class="rooms others">${repeat(others.slice(0, OTHERS_MAX), ({ room }) => room, ({ room, last }) => roomLine(room, last, false, state, nothing))}</ul>` : nothing}
      ${OTHERS_MAX < others.length ? html`<p class="nothing">And ${others.length - OTHERS_MAX} more. Find them by name.</p>` : nothing}
    </nav>
    <footer class="me">
      <button type="button" class="plain whoami" @click=${actions.editProfile} title="Change your name and colour">
        ${avatar(state.me)} <span>${personName(state.me)}</span><span class="unseen"> (you; change your name and colour)</span>
      </button>
      <p id="node" class=${state.node ? "" : "off"}>${state.node ? `connected to node ${state.node}` : "not connected"}</p>
    </footer>`;
}

/**
 * @param {SidebarState} state
 * @param {SidebarActions} actions
 */
function createButton({ joined, directory, filter }, actions) {
  const name = filter.trim();
  if (name === "" || joined.has(name) || directory.some(({ room }) => room === name)) return nothing;
  if (!isRoomName(name)) return html`<p class="nothing" role="status">${ROOM_RULE}</p>`;
  return html`<button type="button" class="create" @click=${() => actions.openRoom(name)}>Create the room <strong>${name}</strong></button>`;
}

/**
 * @param {JoinedRoom} joined
 * @param {SidebarState} state
 */
function joinedLine({ name, last, unread, mentions }, state) {
  const badges = html`${0 < mentions ? html`<span class="badge calls" title="Mentions of you">@${cappedCount(mentions)}<span class="unseen"> mentions of you, </span></span>` : nothing}
    ${0 < unread ? html`<span class="badge">${cappedCount(unread)}<span class="unseen"> unread</span></span>` : nothing}`;
  return roomLine(name, last, 0 < unread, state, badges);
}

/**
 * @param {string} name
 * @param {Message | undefined} last
 * @param {boolean} unread
 * @param {SidebarState} state
 * @param {unknown} badges
 */
function roomLine(name, last, unread, { active, now }, badges) {
  const hash = hashForRoom(name);
  return html`<li><a href=${`#${hash || DEFAULT_ROOM}`} class=${unread ? "unread" : ""} aria-current=${name === active ? "page" : nothing}>
    <span class="name">${name}</span>
    ${last ? html`<span class="when">${time(last.at, shortTime(last.at, now))}</span>` : nothing}
    <span class="last">${last ? html`<bdi>${displayName(last.author.name)}: ${excerpt(last.text)}</bdi>` : nothing}</span>
    <span class="badges">${badges}</span>
  </a></li>`;
}

/** @param {string} text */
function excerpt(text) {
  return text.slice(0, 120).replace(/\s+/g, " ");
}

/** @param {number} count */
function cappedCount(count) {
  return count < 100 ? String(count) : "99+";
}

/**
 * @param {JoinedRoom} one
 * @param {JoinedRoom} other
 */
function byName(one, other) {
  return one.name < other.name ? -1 : 1;
}

/**
 * @param {Event} event
 * @param {SidebarActions} actions
 */
function submit(event, actions) {
  event.preventDefault();
  // Read from the field, since the last keystrokes may not have been drawn yet.
  const name = event.target instanceof HTMLFormElement ? String(event.target.querySelector("input")?.value).trim() : "";
  if (isRoomName(name)) actions.openRoom(name);
}

/** @param {Event} event */
function valueOf({ target }) {
  return target instanceof HTMLInputElement ? target.value : "";
}

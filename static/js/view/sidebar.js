// @ts-check
/** The list of rooms: those that someone is in, and those that there are. */
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
 * @typedef {object} SideState
 * @property {Map<string, JoinedRoom>} joined
 * @property {readonly import("../protocol/wire.js").RoomSummary[]} listed
 * @property {string} active
 * @property {string} filter
 * @property {number} now
 * @property {User} me
 * @property {string} node The node that we are on; empty: none.
 *
 * @typedef {object} SideActions
 * @property {(words: string) => void} filter
 * @property {(room: string) => void} enter
 * @property {() => void} identity
 * @property {() => void} close
 */

/** More is not listed: one finds it by its name. */
const OTHERS_MAX = 500;

/**
 * @param {SideState} state
 * @param {SideActions} act
 */
export function side(state, act) {
  const { joined, listed, filter } = state;
  const words = filter.trim().toLowerCase();
  const fits = (/** @type {string} */ name) => name.toLowerCase().includes(words);
  const mine = [...joined.values()].filter(({ name }) => fits(name)).sort(byName);
  const others = listed.filter(({ room }) => !joined.has(room) && fits(room));
  return html`
    <header class="brand">
      <img src="/favicon.svg" alt="" width="28" height="28">
      <p>Chorus</p>
      ${iconButton("Close the list of rooms", ICONS.close, act.close, { className: "only-small" })}
    </header>
    <form class="finder" role="search" aria-label="Rooms" @submit=${(/** @type {Event} */ event) => submit(event, act)}>
      <label class="unseen" for="room">Find or create a room</label>
      <input id="room" type="text" placeholder="Find or create a room" maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false" enterkeyhint="go"
        .value=${live(filter)} @input=${(/** @type {Event} */ event) => act.filter(valueOf(event))}>
    </form>
    <nav aria-label="Rooms">
      ${creation(state, act)}
      <h2>Your rooms</h2>
      <ul class="rooms">${repeat(mine, ({ name }) => name, (room) => mineLine(room, state))}</ul>
      ${mine.length === 0 ? html`<p class="nothing">None of this name.</p>` : nothing}
      ${0 < others.length ? html`<h2>Other rooms</h2>
        <ul class="rooms others">${repeat(others.slice(0, OTHERS_MAX), ({ room }) => room, ({ room, last }) => roomLine(room, last, false, state, nothing))}</ul>` : nothing}
      ${OTHERS_MAX < others.length ? html`<p class="nothing">And ${others.length - OTHERS_MAX} more: find them by name.</p>` : nothing}
    </nav>
    <footer class="me">
      <button type="button" class="plain whoami" @click=${act.identity} title="Change your name and colour">
        ${avatar(state.me)} <span>${personName(state.me)}</span><span class="unseen"> (you; change your name and colour)</span>
      </button>
      <p id="node" class=${state.node ? "" : "off"}>${state.node ? `connected to node ${state.node}` : "not connected"}</p>
    </footer>`;
}

/**
 * @param {SideState} state
 * @param {SideActions} act
 */
function creation({ joined, listed, filter }, act) {
  const name = filter.trim();
  if (name === "" || joined.has(name) || listed.some(({ room }) => room === name)) return nothing;
  if (!isRoomName(name)) return html`<p class="nothing" role="status">${ROOM_RULE}</p>`;
  return html`<button type="button" class="create" @click=${() => act.enter(name)}>Create the room <strong>${name}</strong></button>`;
}

/**
 * @param {JoinedRoom} joined
 * @param {SideState} state
 */
function mineLine({ name, last, unread, mentions }, state) {
  const badges = html`${0 < mentions ? html`<span class="badge calls" title="Mentions of you">@${most(mentions)}<span class="unseen"> mentions of you, </span></span>` : nothing}
    ${0 < unread ? html`<span class="badge">${most(unread)}<span class="unseen"> unread</span></span>` : nothing}`;
  return roomLine(name, last, 0 < unread, state, badges);
}

/**
 * @param {string} name
 * @param {Message | undefined} last
 * @param {boolean} unread
 * @param {SideState} state
 * @param {unknown} badges
 */
function roomLine(name, last, unread, { active, now }, badges) {
  const hash = hashForRoom(name);
  return html`<li><a href=${`#${hash || DEFAULT_ROOM}`} class=${unread ? "unread" : ""} aria-current=${name === active ? "page" : nothing}>
    <span class="name">${name}</span>
    ${last ? html`<span class="when">${time(last.at, shortTime(last.at, now))}</span>` : nothing}
    <span class="last">${last ? html`<bdi>${displayName(last.author.name)}: ${brief(last.text)}</bdi>` : nothing}</span>
    <span class="badges">${badges}</span>
  </a></li>`;
}

/** @param {string} text */
function brief(text) {
  return text.slice(0, 120).replace(/\s+/g, " ");
}

/** @param {number} count */
function most(count) {
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
 * @param {SideActions} act
 */
function submit(event, act) {
  event.preventDefault();
  // As it is in the field: the last letters may not have been drawn yet.
  const name = event.target instanceof HTMLFormElement ? String(event.target.querySelector("input")?.value).trim() : "";
  if (isRoomName(name)) act.enter(name);
}

/** @param {Event} event */
function valueOf({ target }) {
  return target instanceof HTMLInputElement ? target.value : "";
}

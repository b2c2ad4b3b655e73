// @ts-check
/** Template of the drawer beside the conversation: its people, the search, or the cluster. */
import { html, nothing } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { marksOf, nameKey, displayName } from "../model/users.js";
import { shortTime } from "../model/times.js";
import { cluster } from "./cluster.js";
import { ICONS } from "./icons.js";
import { avatar, iconButton, personName, time } from "./parts.js";

/**
 * @typedef {import("../protocol/wire.js").User} User
 *
 * @typedef {object} DrawerState
 * @property {import("./header.js").Drawer} drawer
 * @property {string} room
 * @property {User} me
 * @property {import("../app/member_list.js").MemberList} memberList
 * @property {import("../app/search.js").Search} search
 * @property {import("./cluster.js").ClusterState} cluster
 * @property {number} now
 *
 * @typedef {object} DrawerActions
 * @property {() => void} close
 * @property {(words: string) => void} search
 * @property {() => void} loadMore
 * @property {(seq: number) => void} showMessage
 * @property {() => void} switchNode
 * @property {(user: User) => void} mention
 */

const TITLES = { people: "People", search: "Search", cluster: "Cluster" };

/**
 * @param {DrawerState} state
 * @param {DrawerActions} actions
 */
export function drawer(state, actions) {
  return html`
    <header><h2>${TITLES[state.drawer]}</h2>${iconButton("Close", ICONS.close, actions.close)}</header>
    <div class="body" tabindex="0" role="region" aria-label=${TITLES[state.drawer]}>${content(state, actions)}</div>`;
}

/**
 * @param {DrawerState} state
 * @param {DrawerActions} actions
 */
function content(state, actions) {
  if (state.drawer === "search") return search(state, actions);
  if (state.drawer === "cluster") return cluster(state.cluster, actions.switchNode);
  return people(state, actions);
}

/**
 * @param {DrawerState} state
 * @param {DrawerActions} actions
 */
function people({ memberList: { members, count, complete, typists }, me }, actions) {
  const marks = marksOf(members.values());
  const typing = new Set(typists.map(({ id }) => id));
  const sorted = [...members.values()].sort((one, other) => (nameKey(one.name) < nameKey(other.name) ? -1 : 1));
  return html`
    <p class="sub">${count} here now, on all nodes</p>
    ${complete ? nothing : html`<p class="sub">Other nodes cannot be reached at the moment.</p>`}
    <ul class="people">${sorted.map((user) => html`<li>
      <button type="button" class="plain" @click=${() => actions.mention(user)} title=${`Mention ${displayName(user.name)}`}>${avatar(user)}
        <span>${personName(user, marks)}${user.id === me.id ? html` <span class="quiet">you</span>` : nothing}
        ${typing.has(user.id) ? html`<span class="quiet">is writing…</span>` : nothing}</span></button>
    </li>`)}</ul>
    ${sorted.length < count ? html`<p class="sub">And ${count - sorted.length} more.</p>` : nothing}`;
}

/**
 * @param {DrawerState} state
 * @param {DrawerActions} actions
 */
function search({ search: { words, results, more, state, error }, room, now }, actions) {
  return html`
    <form class="finder" role="search" aria-label="Messages" @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <label class="unseen" for="search">Search in ${room}</label>
      <input id="search" type="search" placeholder=${`Search in ${room}`} maxlength="80" autocomplete="off" .value=${live(words)}
        @input=${(/** @type {Event} */ { target }) => actions.search(target instanceof HTMLInputElement ? target.value : "")}>
    </form>
    <p class="sub" role="status">${error || summary(state, results.length, more)}</p>
    <ol class="found">${results.map(({ seq, author, text, at }) => html`<li><button type="button" class="plain" @click=${() => actions.showMessage(seq)}>
      <span class="by">${personName(author)} ${time(at, shortTime(at, now))}</span>
      <bdi class="excerpt">${excerpt(text, words)}</bdi></button></li>`)}</ol>
    ${more && state === "done" ? html`<button type="button" class="further" @click=${actions.loadMore}>Show older results</button>` : nothing}`;
}

/**
 * @param {"idle" | "busy" | "done"} state
 * @param {number} count
 * @param {boolean} more
 */
function summary(state, count, more) {
  if (state === "idle") return "Finds messages that contain all of the words, or words that begin with them.";
  if (state === "busy") return "Searching…";
  if (count === 0) return "No messages found.";
  return `${more ? "More than " : ""}${count} found, newest first.`;
}

/**
 * The part of a text around the first of the words.
 *
 * @param {string} text
 * @param {string} words
 */
function excerpt(text, words) {
  const [first = ""] = words.trim().toLowerCase().split(/\s+/);
  const at = Math.max(0, text.toLowerCase().indexOf(first) - 40);
  return `${0 < at ? "…" : ""}${text.slice(at, at + 200)}${at + 200 < text.length ? "…" : ""}`;
}

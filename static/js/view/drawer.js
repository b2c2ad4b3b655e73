// @ts-check
/** What stands beside the conversation: the people in it, a search in it, or the cluster behind it. */
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
 * @property {import("../app/member_list.js").MemberList} people
 * @property {import("../app/search.js").Search} search
 * @property {import("./cluster.js").ClusterState} cluster
 * @property {number} now
 *
 * @typedef {object} DrawerActions
 * @property {() => void} close
 * @property {(words: string) => void} search
 * @property {() => void} further
 * @property {(seq: number) => void} show
 * @property {() => void} elsewhere
 * @property {(user: User) => void} call
 */

const TITLES = { people: "People", search: "Search", cluster: "Cluster" };

/**
 * @param {DrawerState} state
 * @param {DrawerActions} act
 */
export function drawer(state, act) {
  return html`
    <header><h2>${TITLES[state.drawer]}</h2>${iconButton("Close", ICONS.close, act.close)}</header>
    <div class="body" tabindex="0" role="region" aria-label=${TITLES[state.drawer]}>${content(state, act)}</div>`;
}

/**
 * @param {DrawerState} state
 * @param {DrawerActions} act
 */
function content(state, act) {
  if (state.drawer === "search") return search(state, act);
  if (state.drawer === "cluster") return cluster(state.cluster, act.elsewhere);
  return people(state, act);
}

/**
 * @param {DrawerState} state
 * @param {DrawerActions} act
 */
function people({ people: { members, count, complete, typists }, me }, act) {
  const marks = marksOf(members.values());
  const typing = new Set(typists.map(({ id }) => id));
  const sorted = [...members.values()].sort((one, other) => (nameKey(one.name) < nameKey(other.name) ? -1 : 1));
  return html`
    <p class="sub">${count} here now, on all nodes</p>
    ${complete ? nothing : html`<p class="sub">Other nodes cannot be asked at the moment.</p>`}
    <ul class="people">${sorted.map((user) => html`<li>
      <button type="button" class="plain" @click=${() => act.call(user)} title=${`Mention ${displayName(user.name)}`}>${avatar(user)}
        <span>${personName(user, marks)}${user.id === me.id ? html` <span class="quiet">you</span>` : nothing}
        ${typing.has(user.id) ? html`<span class="quiet">is writing…</span>` : nothing}</span></button>
    </li>`)}</ul>
    ${sorted.length < count ? html`<p class="sub">And ${count - sorted.length} more.</p>` : nothing}`;
}

/**
 * @param {DrawerState} state
 * @param {DrawerActions} act
 */
function search({ search: { words, found, more, state, trouble }, room, now }, act) {
  return html`
    <form class="finder" role="search" aria-label="Messages" @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <label class="unseen" for="search">Search in ${room}</label>
      <input id="search" type="search" placeholder=${`Search in ${room}`} maxlength="80" autocomplete="off" .value=${live(words)}
        @input=${(/** @type {Event} */ { target }) => act.search(target instanceof HTMLInputElement ? target.value : "")}>
    </form>
    <p class="sub" role="status">${trouble || summary(state, found.length, more)}</p>
    <ol class="found">${found.map(({ seq, author, text, at }) => html`<li><button type="button" class="plain" @click=${() => act.show(seq)}>
      <span class="by">${personName(author)} ${time(at, shortTime(at, now))}</span>
      <bdi class="excerpt">${excerpt(text, words)}</bdi></button></li>`)}</ol>
    ${more && state === "done" ? html`<button type="button" class="further" @click=${act.further}>Show older ones</button>` : nothing}`;
}

/**
 * @param {"idle" | "busy" | "done"} state
 * @param {number} count
 * @param {boolean} more
 */
function summary(state, count, more) {
  if (state === "idle") return "Messages that have all of the words, each from its beginning.";
  if (state === "busy") return "Searching…";
  if (count === 0) return "Nothing was found.";
  return `${more ? "More than " : ""}${count} found, newest first.`;
}

/**
 * The part of a text that has the first of the words.
 *
 * @param {string} text
 * @param {string} words
 */
function excerpt(text, words) {
  const [first = ""] = words.trim().toLowerCase().split(/\s+/);
  const at = Math.max(0, text.toLowerCase().indexOf(first) - 40);
  return `${0 < at ? "…" : ""}${text.slice(at, at + 200)}${at + 200 < text.length ? "…" : ""}`;
}

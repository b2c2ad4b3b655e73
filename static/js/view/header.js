// @ts-check
/** The room's name, and what one can do in and about it. */
import { html, nothing } from "lit-html";
import { ICONS } from "./icons.js";
import { iconButton } from "./parts.js";

/**
 * @typedef {"people" | "search" | "cluster"} Drawer What the drawer shows.
 *
 * @typedef {object} HeadState
 * @property {string} room
 * @property {number | null} people How many are here; `null`: it is not known.
 * @property {Drawer | null} drawer
 * @property {boolean} searches Whether the node can search.
 * @property {boolean} canLeave Whether there is another room to be in.
 * @property {number} elsewhere Unread messages in other rooms.
 * @property {"auto" | "light" | "dark"} theme
 * @property {"on" | "off" | "denied" | "absent"} notices
 *
 * @typedef {object} HeadActions
 * @property {() => void} rooms
 * @property {(drawer: Drawer) => void} drawer
 * @property {() => void} leave
 * @property {() => void} help
 * @property {() => void} theme
 * @property {() => void} notify
 */

const THEMES = {
  auto: { icon: ICONS.auto, label: "Colours: as the system" },
  light: { icon: ICONS.sun, label: "Colours: light" },
  dark: { icon: ICONS.moon, label: "Colours: dark" },
};

/**
 * @param {HeadState} state
 * @param {HeadActions} act
 */
export function head({ room, people, drawer, searches, canLeave, elsewhere, theme, notices }, act) {
  const { icon, label } = THEMES[theme];
  const toggle = (/** @type {Drawer} */ which) => ({ pressed: drawer === which });
  return html`
    ${iconButton(0 < elsewhere ? `Rooms, ${elsewhere} unread` : "Rooms", html`${ICONS.menu}${0 < elsewhere ? html`<span class="dot"></span>` : nothing}`, act.rooms, { className: "only-small" })}
    <h1 id="roomname">${room}</h1>
    <div class="tools">
      ${notices === "absent" ? nothing : iconButton(notices === "on" ? "Desktop notifications are on" : notices === "denied" ? "The browser denies notifications" : "Turn desktop notifications on", ICONS.bell, act.notify, { pressed: notices === "on", className: "wide" })}
      ${iconButton(label, icon, act.theme, { className: "wide" })}
      ${iconButton("Keyboard shortcuts", ICONS.help, act.help, { keys: "?", className: "wide" })}
      ${canLeave ? iconButton("Leave this room", ICONS.leave, act.leave, { className: "wide" }) : nothing}
      <span class="gap wide"></span>
      ${searches ? iconButton("Search", ICONS.search, () => act.drawer("search"), { ...toggle("search"), keys: "Ctrl+Shift+F" }) : nothing}
      ${iconButton("Cluster", ICONS.cluster, () => act.drawer("cluster"), toggle("cluster"))}
      ${people === null ? nothing : iconButton(`People, ${people} here`, html`${ICONS.people}<span class="count">${people}</span>`, () => act.drawer("people"), toggle("people"))}
    </div>`;
}

// @ts-check
/** Template of the header: the room's name and the toolbar. */
import { html, nothing } from "lit-html";
import { ICONS } from "./icons.js";
import { iconButton } from "./parts.js";

/**
 * @typedef {"people" | "search" | "cluster"} Drawer What the drawer shows.
 *
 * @typedef {object} HeaderState
 * @property {string} room
 * @property {number | null} members How many are present; `null`: the node does not support presence.
 * @property {Drawer | null} drawer
 * @property {boolean} canSearch Whether the node can search.
 * @property {boolean} canLeave
 * @property {number} unreadElsewhere Unread messages in other rooms.
 * @property {"auto" | "light" | "dark"} theme
 * @property {import("./notifier.js").Notifier["state"]} notifications
 *
 * @typedef {object} HeaderActions
 * @property {() => void} openRooms
 * @property {(drawer: Drawer) => void} toggleDrawer
 * @property {() => void} leave
 * @property {() => void} help
 * @property {() => void} cycleTheme
 * @property {() => void} toggleNotifications
 */

const THEMES = {
  auto: { icon: ICONS.auto, label: "Colours: system" },
  light: { icon: ICONS.sun, label: "Colours: light" },
  dark: { icon: ICONS.moon, label: "Colours: dark" },
};

/**
 * @param {HeaderState} state
 * @param {HeaderActions} actions
 */
export function header({ room, members, drawer, canSearch, canLeave, unreadElsewhere, theme, notifications }, actions) {
  const { icon, label } = THEMES[theme];
  const toggle = (/** @type {Drawer} */ which) => ({ pressed: drawer === which });
  return html`
    ${iconButton(0 < unreadElsewhere ? `Rooms, ${unreadElsewhere} unread` : "Rooms", html`${ICONS.menu}${0 < unreadElsewhere ? html`<span class="dot"></span>` : nothing}`, actions.openRooms, { className: "only-small" })}
    <h1 id="roomname">${room}</h1>
    <div class="tools">
      ${notifications === "absent" ? nothing : iconButton(notifications === "on" ? "Desktop notifications are on" : notifications === "denied" ? "The browser denies notifications" : "Turn desktop notifications on", ICONS.bell, actions.toggleNotifications, { pressed: notifications === "on", className: "wide" })}
      ${iconButton(label, icon, actions.cycleTheme, { className: "wide" })}
      ${iconButton("Keyboard shortcuts", ICONS.help, actions.help, { keys: "?", className: "wide" })}
      ${canLeave ? iconButton("Leave this room", ICONS.leave, actions.leave, { className: "wide" }) : nothing}
      <span class="gap wide"></span>
      ${canSearch ? iconButton("Search", ICONS.search, () => actions.toggleDrawer("search"), { ...toggle("search"), keys: "Ctrl+Shift+F" }) : nothing}
      ${iconButton("Cluster", ICONS.cluster, () => actions.toggleDrawer("cluster"), toggle("cluster"))}
      ${members === null ? nothing : iconButton(`People, ${members} here`, html`${ICONS.people}<span class="count">${members}</span>`, () => actions.toggleDrawer("people"), toggle("people"))}
    </div>`;
}

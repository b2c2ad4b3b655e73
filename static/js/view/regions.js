// @ts-check
/**
 * Draws each region of the page from the app's state, and connects its controls.
 *
 * @typedef {object} Page The parts that the regions draw and control.
 * @property {import("../app/app.js").App} app
 * @property {import("../storage/local_store.js").LocalStore} store
 * @property {import("./navigation.js").Navigation} navigation
 * @property {import("./panels.js").Panels} panels
 * @property {import("./dialogs.js").Dialogs} dialogs
 * @property {import("./composer.js").Composer} composer
 * @property {import("./conversation.js").Conversation} conversation
 * @property {import("./notifier.js").Notifier} notifier
 */
import { render } from "lit-html";
import { bannerLine, typingLine } from "./banner.js";
import { drawer } from "./drawer.js";
import { element } from "./element.js";
import { header } from "./header.js";
import { sidebar } from "./sidebar.js";
import { applyTheme, cycleTheme, loadTheme } from "./theme.js";

/**
 * @param {Page} page
 * @returns {Record<import("../app/app.js").Region, () => void>}
 */
export function createRegions(page) {
  const { app, store, navigation, panels, conversation, notifier } = page;
  const onSidebar = sidebarActions(page);
  const onHeader = headerActions(page);
  const onDrawer = drawerActions(page);
  const onBanner = { retry: () => app.connection.retryNow(), dismiss: () => app.dismissWarning() };
  return {
    sidebar() {
      const { joined, directory, active, totals } = app.rooms;
      const node = app.online ? app.cluster.node : "";
      render(sidebar({ joined, directory, active: active.name, filter: navigation.filter, now: app.now, me: app.me, node }, onSidebar), panels.sidebarElement);
      notifier.showUnread(active.name, totals);
    },
    header() {
      const { active, totals, canLeave } = app.rooms;
      const state = {
        room: active.name,
        members: app.members.known ? app.members.count : null,
        drawer: panels.drawer,
        canSearch: app.search.supported,
        canLeave,
        unreadElsewhere: totals.unread - active.unread,
        theme: loadTheme(store),
        notifications: notifier.state,
      };
      render(header(state, onHeader), element("head", HTMLElement));
    },
    conversation() {
      const { active } = app.rooms;
      conversation.render({
        joined: active,
        entries: app.publisher.outbox.entries(active.name),
        me: app.me,
        members: app.members.members.values(),
        now: app.now,
        live: active.room.state === "live",
      });
    },
    drawer() {
      if (panels.drawer === null) return;
      const { me, members, search, cluster, deliveries, now } = app;
      const state = { drawer: panels.drawer, room: app.rooms.active.name, me, memberList: members, search, now, cluster: { cluster, deliveries, now } };
      render(drawer(state, onDrawer), panels.drawerElement);
    },
    banner: () => render(bannerLine(app.banner.shown, app.warning, onBanner), element("banner", HTMLElement)),
    typing: () => render(typingLine(app.members.typists), element("typing", HTMLElement)),
  };
}

/**
 * @param {Page} page
 * @returns {import("./sidebar.js").SidebarActions}
 */
function sidebarActions({ app, navigation, panels, dialogs }) {
  return {
    filter: (text) => navigation.setFilter(text),
    openRoom: (room) => navigation.goTo(room),
    editProfile: () => dialogs.profile(app.me, (name, color) => app.profile.rename(name, color)),
    close: () => panels.closeSidebar(),
  };
}

/**
 * @param {Page} page
 * @returns {import("./header.js").HeaderActions}
 */
function headerActions({ app, store, navigation, panels, dialogs, notifier }) {
  return {
    openRooms: () => panels.openSidebar(),
    toggleDrawer: (which) => panels.toggle(which),
    leave: () => dialogs.confirm(`Leave ${app.rooms.active.name}?`, "Leave", () => navigation.leave()),
    help: () => dialogs.help(),
    cycleTheme() {
      applyTheme(cycleTheme(store));
      app.invalidate("header");
    },
    async toggleNotifications() {
      await notifier.toggle();
      app.invalidate("header");
    },
  };
}

/**
 * @param {Page} page
 * @returns {import("./drawer.js").DrawerActions}
 */
function drawerActions({ app, panels, composer, conversation }) {
  return {
    close: () => panels.close(),
    search: (words) => app.search.update(app.rooms.active.name, words),
    loadMore: () => app.search.loadMore(),
    showMessage(seq) {
      panels.closeOverlay();
      app.history.loadAround(app.rooms.active, seq, () => conversation.reveal(seq));
    },
    switchNode: () => app.cluster.switchNode(),
    mention(user) {
      panels.closeOverlay();
      composer.mention(user);
    },
  };
}

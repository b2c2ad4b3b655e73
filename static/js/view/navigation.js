// @ts-check
/** Moves between rooms. The location's hash names the active room. */
import { DEFAULT_ROOM, hashForRoom, ROOM_RULE, roomFromHash } from "../protocol/wire.js";

export class Navigation {
  /** The text in the sidebar's filter. */
  filter = "";

  /**
   * @param {import("../app/app.js").App} app
   * @param {import("./composer.js").Composer} composer
   * @param {import("./panels.js").Panels} panels
   */
  constructor(app, composer, panels) {
    this.app = app;
    this.composer = composer;
    this.panels = panels;
  }

  /** @param {string} text */
  setFilter(text) {
    this.filter = text;
    this.app.invalidate("sidebar");
  }

  /** Shows the room that the location names. */
  followHash() {
    const { app } = this;
    const name = roomFromHash(location.hash);
    if (name === null) {
      app.rooms.active.timeline.addNote(ROOM_RULE);
      history.replaceState(null, "", `#${hashForRoom(app.rooms.active.name)}`);
      app.invalidate("conversation");
      return;
    }
    app.showRoom(name);
    this.composer.enterRoom(name);
    this.panels.closeSidebar();
  }

  /** @param {string} room */
  goTo(room) {
    this.panels.closeSidebar();
    location.hash = hashForRoom(room) || DEFAULT_ROOM;
    this.setFilter("");
    this.composer.focus();
  }

  /** Leaves the active room for another. */
  leave() {
    const { app } = this;
    app.leaveRoom(app.rooms.active.name);
    this.goTo(app.rooms.active.name);
    this.composer.enterRoom(app.rooms.active.name);
  }

  /**
   * Goes to the next or previous joined room by name.
   *
   * @param {1 | -1} step
   * @param {boolean} onlyUnread
   */
  step(step, onlyUnread) {
    const { joined, active } = this.app.rooms;
    const rooms = [...joined.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
    const at = rooms.indexOf(active);
    for (let n = 1; n < rooms.length; n += 1) {
      const next = rooms[(at + n * step + n * rooms.length) % rooms.length];
      if (!next || (onlyUnread && next.unread === 0)) continue;
      this.goTo(next.name);
      return;
    }
  }
}

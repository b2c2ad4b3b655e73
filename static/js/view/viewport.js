// @ts-check
/** What the reader has in view. The conversation keeps it up to date; the app reads it. */

/** @typedef {import("../app/joined_room.js").JoinedRoom} JoinedRoom */

export class Viewport {
  /** The room that is drawn; `null` before the first draw. @type {JoinedRoom | null} */
  room = null;
  /** Whether the reader is at the drawn room's end and stays there while messages arrive. */
  atEnd = true;

  /** Whether the window is visible and has the focus. */
  get watched() {
    return document.visibilityState === "visible" && document.hasFocus();
  }

  /**
   * Whether the reader is at a room's end. A room that is not drawn yet will be opened there.
   *
   * @param {JoinedRoom} room
   */
  isAtEndOf(room) {
    return room !== this.room || this.atEnd;
  }
}

// @ts-check
/** What was begun in each room and not sent. */

const DRAFT = "chorus.draft.";

/** @param {import("./local.js").LocalStore} store */
export function draftsIn(store) {
  return {
    /** @param {string} room */
    get: (room) => store.get(DRAFT + room) ?? "",
    /** @param {string} room @param {string} text */
    set: (room, text) => store.set(DRAFT + room, text === "" ? undefined : text),
  };
}

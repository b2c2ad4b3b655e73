// @ts-check
/** What was begun in each room and not sent: drafts, and edits of what was said. */

const DRAFT = "chorus.draft.";
const EDITS = "chorus.edits.";

/** @param {import("./local_store.js").LocalStore} store */
export function draftStore(store) {
  return {
    /** @param {string} room */
    get: (room) => store.get(DRAFT + room) ?? "",
    /** @param {string} room @param {string} text */
    set: (room, text) => store.set(DRAFT + room, text === "" ? undefined : text),
  };
}

/**
 * @param {import("./local_store.js").LocalStore} store The window's own: another would go on with the same edit.
 * @returns {import("../model/composer_state.js").EditStore}
 */
export function editStore(store) {
  return {
    get: (room) => editsOf(store.getJson(EDITS + room)),
    set: (room, { current, texts }) => store.set(EDITS + room, texts.size === 0 ? undefined : JSON.stringify({ current, texts: [...texts] })),
  };
}

/**
 * @param {any} kept
 * @returns {import("../model/composer_state.js").Edits} None, if it is none.
 */
function editsOf(kept) {
  const texts = Array.isArray(kept?.texts) ? kept.texts.filter(isEdit) : [];
  return { current: Number.isInteger(kept?.current) ? kept.current : null, texts: new Map(texts) };
}

/** @param {any} kept */
function isEdit(kept) {
  return Array.isArray(kept) && Number.isInteger(kept[0]) && typeof kept[1] === "string";
}

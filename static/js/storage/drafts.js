// @ts-check
/** Persists what the user has begun to write in each room: the draft, and edits of earlier messages. */

const DRAFT = "chorus.draft.";
const EDITS = "chorus.edits.";

/**
 * @param {import("./local_store.js").LocalStore} store
 * @returns {import("../model/composer_state.js").DraftStore}
 */
export function draftStore(store) {
  return {
    get: (room) => store.get(DRAFT + room) ?? "",
    set: (room, text) => store.set(DRAFT + room, text === "" ? undefined : text),
  };
}

/**
 * @param {import("./local_store.js").LocalStore} store Session storage: another window must not continue the same edit.
 * @returns {import("../model/composer_state.js").EditStore}
 */
export function editStore(store) {
  return {
    get: (room) => parseEdits(store.getJson(EDITS + room)),
    set: (room, { current, texts }) => store.set(EDITS + room, texts.size === 0 ? undefined : JSON.stringify({ current, texts: [...texts] })),
  };
}

/**
 * @param {any} stored
 * @returns {import("../model/composer_state.js").Edits} Without what is malformed.
 */
function parseEdits(stored) {
  const texts = Array.isArray(stored?.texts) ? stored.texts.filter(isEdit) : [];
  return { current: Number.isInteger(stored?.current) ? stored.current : null, texts: new Map(texts) };
}

/** @param {any} stored */
function isEdit(stored) {
  return Array.isArray(stored) && Number.isInteger(stored[0]) && typeof stored[1] === "string";
}

// @ts-check
/**
 * Who this window is: the same person while it is open, whoever other windows become meanwhile;
 * name and colour follow those that were chosen in another window.
 *
 * @typedef {import("../protocol/connection.js").Identity & { reread: () => void }} StoredIdentity
 */

const TOKEN = "chorus.token";
const NAME = "chorus.name";
const COLOR = "chorus.color";

/** Where name and colour are kept. */
export const IDENTITY_KEYS = [NAME, COLOR];

/**
 * @param {import("./local_store.js").LocalStore} store
 * @returns {StoredIdentity}
 */
export function loadIdentity(store) {
  let token = store.get(TOKEN);
  let name = store.get(NAME);
  let color = hueIn(store.get(COLOR));
  return {
    reread() {
      name = store.get(NAME);
      color = hueIn(store.get(COLOR));
    },
    get token() {
      return token;
    },
    set token(value) {
      token = value;
      store.set(TOKEN, value);
    },
    get name() {
      return name;
    },
    set name(value) {
      name = value;
      store.set(NAME, value);
    },
    get color() {
      return color;
    },
    set color(value) {
      color = value;
      store.set(COLOR, value === undefined ? undefined : String(value));
    },
  };
}

/** @param {string | undefined} kept */
function hueIn(kept) {
  const hue = Number(kept ?? NaN);
  return Number.isInteger(hue) && 0 <= hue && hue < 360 ? hue : undefined;
}

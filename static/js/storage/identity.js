// @ts-check
/**
 * The identity of this window's user. The token stays the same while the window is open, whatever
 * other windows do; name and colour follow a change made in another window.
 *
 * @typedef {import("../protocol/connection.js").Identity & { reload: () => void }} StoredIdentity
 */

const TOKEN = "chorus.token";
const NAME = "chorus.name";
const COLOR = "chorus.color";

/** The storage keys of name and colour. */
export const IDENTITY_KEYS = [NAME, COLOR];

/**
 * @param {import("./local_store.js").LocalStore} store
 * @returns {StoredIdentity}
 */
export function loadIdentity(store) {
  let token = store.get(TOKEN);
  let name = store.get(NAME);
  let color = parseHue(store.get(COLOR));
  return {
    /** Reads name and colour again. */
    reload() {
      name = store.get(NAME);
      color = parseHue(store.get(COLOR));
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

/** @param {string | undefined} stored */
function parseHue(stored) {
  const hue = Number(stored ?? NaN);
  return Number.isInteger(hue) && 0 <= hue && hue < 360 ? hue : undefined;
}

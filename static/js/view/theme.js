// @ts-check
/**
 * The colour theme: light, dark, or as the system has it.
 *
 * @typedef {"auto" | "light" | "dark"} Theme
 */

const KEY = "chorus.theme";
/** @type {readonly Theme[]} */
const THEMES = ["auto", "light", "dark"];

/** @param {import("../storage/local_store.js").LocalStore} store @returns {Theme} */
export function loadTheme(store) {
  return THEMES.find((theme) => theme === store.get(KEY)) ?? "auto";
}

/**
 * Stores the theme that follows the current one.
 *
 * @param {import("../storage/local_store.js").LocalStore} store
 * @returns {Theme} The new theme.
 */
export function cycleTheme(store) {
  const next = THEMES[(THEMES.indexOf(loadTheme(store)) + 1) % THEMES.length] ?? "auto";
  store.set(KEY, next);
  return next;
}

/** @param {Theme} theme */
export function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

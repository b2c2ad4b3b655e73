// @ts-check
/**
 * The keyboard shortcuts that work wherever the focus is.
 *
 * @typedef {object} ShortcutActions
 * @property {() => void} help
 * @property {() => void} findRoom
 * @property {() => void} search
 * @property {(step: 1 | -1, onlyUnread: boolean) => void} stepRoom To the next or previous room.
 * @property {() => void} escape
 */

/**
 * @param {Document} document
 * @param {() => boolean} isBlocked Whether a dialog is open, which has the keyboard to itself.
 * @param {ShortcutActions} actions
 */
export function listenForShortcuts(document, isBlocked, actions) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || isBlocked()) return;
    if (runShortcut(event, actions)) event.preventDefault();
  });
}

/**
 * @param {KeyboardEvent} event
 * @param {ShortcutActions} actions
 * @returns {boolean} Whether the key is a shortcut.
 */
function runShortcut(event, actions) {
  const { key, altKey, shiftKey } = event;
  const command = event.ctrlKey || event.metaKey;
  const lower = key.toLowerCase();
  if (command && !altKey && !shiftKey && lower === "k") actions.findRoom();
  else if (command && !altKey && shiftKey && lower === "f") actions.search();
  else if (altKey && !command && (key === "ArrowUp" || key === "ArrowDown")) actions.stepRoom(key === "ArrowUp" ? -1 : 1, shiftKey);
  else if (key === "Escape") actions.escape();
  else if (key === "?" && !command && !altKey && !isTextField(event.target)) actions.help();
  else return false;
  return true;
}

/** @param {EventTarget | null} target */
function isTextField(target) {
  return target instanceof HTMLElement && target.matches("input:not([type=range]), textarea");
}

// @ts-check
/**
 * The page's keyboard shortcuts, wherever the focus is.
 *
 * @typedef {object} KeyActions
 * @property {() => void} help
 * @property {() => void} find
 * @property {() => void} search
 * @property {(step: 1 | -1, onlyUnread: boolean) => void} step From room to room.
 * @property {() => void} escape
 */

/**
 * @param {Document} document
 * @param {() => boolean} blocked Whether a dialog has the keyboard.
 * @param {KeyActions} act
 */
export function listenToKeys(document, blocked, act) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || blocked()) return;
    if (shortcut(event, act)) event.preventDefault();
  });
}

/**
 * @param {KeyboardEvent} event
 * @param {KeyActions} act
 * @returns {boolean} Whether it was one.
 */
function shortcut(event, act) {
  const { key, altKey, shiftKey } = event;
  const command = event.ctrlKey || event.metaKey;
  const lower = key.toLowerCase();
  if (command && !altKey && !shiftKey && lower === "k") act.find();
  else if (command && !altKey && shiftKey && lower === "f") act.search();
  else if (altKey && !command && (key === "ArrowUp" || key === "ArrowDown")) act.step(key === "ArrowUp" ? -1 : 1, shiftKey);
  else if (key === "Escape") act.escape();
  else if (key === "?" && !command && !altKey && !writes(event.target)) act.help();
  else return false;
  return true;
}

/** @param {EventTarget | null} target */
function writes(target) {
  return target instanceof HTMLElement && target.matches("input:not([type=range]), textarea");
}

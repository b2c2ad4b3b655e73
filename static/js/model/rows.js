// @ts-check
/**
 * The rows of a conversation: day separators, the divider before unread messages, the page's own
 * notes, and messages; consecutive messages of one author form a group.
 *
 * @typedef {import("../protocol/wire.js").Message} Message
 *
 * @typedef {{ type: "day", key: string, at: number }} DayRow
 * @typedef {{ type: "new", key: string }} NewRow
 * @typedef {{ type: "note", key: string, text: string }} NoteRow
 * @typedef {{ type: "message", key: string, message: Message, startsGroup: boolean }} MessageRow
 * @typedef {DayRow | NewRow | NoteRow | MessageRow} Row
 */

/** A longer pause begins a new group, in milliseconds. */
const GROUP_PAUSE_MS = 5 * 60_000;

/**
 * @param {readonly Message[]} texts Ascending.
 * @param {readonly import("./timeline.js").Note[]} notes
 * @param {number | null} readUpTo Messages after this seq are new; `null`: there is no divider.
 * @returns {Row[]}
 */
export function rowsOf(texts, notes, readUpTo) {
  /** @type {Row[]} */
  const rows = [];
  /** @type {Message | null} */
  let previous = null;
  let divided = readUpTo === null;
  let noted = 0;
  /** @param {number} upTo */
  const addNotes = (upTo) => {
    for (let note = notes[noted]; note && note.after < upTo; note = notes[noted]) {
      rows.push({ type: "note", key: `note ${note.id}`, text: note.text });
      noted += 1;
      previous = null;
    }
  };
  for (const message of texts) {
    addNotes(message.seq);
    const day = dayOf(message.at);
    if (!previous || dayOf(previous.at) !== day) {
      // A note resets `previous` but not the day.
      const known = rows.findLast((row) => row.type === "day");
      if (!known || dayOf(known.at) !== day) rows.push({ type: "day", key: `day ${day} ${message.seq}`, at: message.at });
      previous = null;
    }
    if (!divided && readUpTo !== null && readUpTo < message.seq) {
      divided = true;
      // No divider at the top: if everything loaded is new, there is nothing to divide it from.
      if (rows.some((row) => row.type === "message")) rows.push({ type: "new", key: "new" });
      previous = null;
    }
    const startsGroup = !previous || previous.author.id !== message.author.id || previous.author.name !== message.author.name || GROUP_PAUSE_MS < message.at - previous.at;
    rows.push({ type: "message", key: String(message.seq), message, startsGroup });
    previous = message;
  }
  addNotes(Infinity);
  return rows;
}

/** @param {number} at */
function dayOf(at) {
  const date = new Date(at);
  return `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;
}

// @ts-check
/**
 * What stands in a conversation, line by line: days, the divider before what is new, the page's own
 * notes, and messages, of which those of one author in a row are one group.
 *
 * @typedef {import("../protocol/wire.js").Message} Message
 *
 * @typedef {{ type: "day", key: string, at: number }} DayRow
 * @typedef {{ type: "new", key: string }} NewRow
 * @typedef {{ type: "note", key: string, text: string }} NoteRow
 * @typedef {{ type: "message", key: string, message: Message, leads: boolean }} MessageRow
 * @typedef {DayRow | NewRow | NoteRow | MessageRow} Row
 */

/** A pause so long, in milliseconds, begins a new group. */
const PAUSE_MS = 5 * 60_000;

/**
 * @param {readonly Message[]} texts Ascending.
 * @param {readonly import("./timeline.js").Note[]} notes
 * @param {number | null} readUpTo What is beyond it is new; `null`: there is no divider.
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
      // After a note, the day is still the same.
      const known = rows.findLast((row) => row.type === "day");
      if (!known || dayOf(known.at) !== day) rows.push({ type: "day", key: `day ${day} ${message.seq}`, at: message.at });
      previous = null;
    }
    if (!divided && readUpTo !== null && readUpTo < message.seq) {
      divided = true;
      // Where everything in view is new, there is nothing to divide it from.
      if (rows.some((row) => row.type === "message")) rows.push({ type: "new", key: "new" });
      previous = null;
    }
    const leads = !previous || previous.author.id !== message.author.id || previous.author.name !== message.author.name || PAUSE_MS < message.at - previous.at;
    rows.push({ type: "message", key: String(message.seq), message, leads });
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

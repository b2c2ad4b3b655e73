// @ts-check
/**
 * A message's identity, carried in its text: who sent it, which of theirs it is, and when. Pure.
 *
 * @typedef {{ sender: string, number: number, sentAt: number }} Stamp
 */

const MARK = "load";

/** @param {Stamp} stamp @param {number} bytes Length of the text; the identity always fits. @returns {string} */
export function stamped({ sender, number, sentAt }, bytes) {
  return `${MARK} ${sender} ${number} ${sentAt} `.padEnd(bytes, ".");
}

/** @param {string} text @returns {Stamp | null} Null if it is somebody else's message. */
export function stampOf(text) {
  const [mark, sender, number, sentAt] = text.split(" ", 4);
  if (mark !== MARK || sender === undefined || number === undefined) return null;
  return { sender, number: Number(number), sentAt: Number(sentAt) };
}

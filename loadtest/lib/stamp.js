// @ts-check
/**
 * A message's stamp, carried in its text: the sender, the sender's message number, and the sending time. Pure.
 *
 * @typedef {{ sender: string, number: number, sentAt: number }} Stamp
 */

const MARK = "load";

/** @param {Stamp} stamp @param {number} bytes Minimum length of the text. @returns {string} */
export function stamped({ sender, number, sentAt }, bytes) {
  return `${MARK} ${sender} ${number} ${sentAt} `.padEnd(bytes, ".");
}

/** @param {string} text @returns {Stamp | null} Null if the text has no stamp. */
export function stampOf(text) {
  const [mark, sender, number, sentAt] = text.split(" ", 4);
  if (mark !== MARK || sender === undefined || number === undefined) return null;
  return { sender, number: Number(number), sentAt: Number(sentAt) };
}

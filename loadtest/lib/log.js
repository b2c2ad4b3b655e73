// @ts-check
/** Reads a room's head and messages over HTTP. */
import http from "k6/http";
import { pause } from "./clock.js";

/** The node's limit for one page. */
export const PAGE_MAX = 200;
const TRIES = 8;

/**
 * @param {string} base
 * @param {string} room
 * @param {string} query
 * @returns {Promise<{ messages: { seq: number, text: string }[] }>}
 */
async function messages(base, room, query) {
  // A balancer may still route to a dead node; reads are safe to retry.
  let status = 0;
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const jar = new http.CookieJar();
    const url = `${base}/api/rooms/${room}/messages?${query}`;
    const response = await http.asyncRequest("GET", url, null, { jar, timeout: 10_000, tags: { name: "messages" } });
    if (response.status === 200) return /** @type {any} */ (response.json());
    status = response.status;
    await pause(250 * (attempt + 1));
  }
  throw new Error(`cannot read the log over HTTP: status ${status}`);
}

/** The newest seq of a room; 0 if it is empty. @param {string} base @param {string} room */
export async function headOf(base, room) {
  const page = await messages(base, room, "limit=1");
  return page.messages[page.messages.length - 1]?.seq ?? 0;
}

/** The page after a seq. @param {string} base @param {string} room @param {number} after */
export async function pageAfter(base, room, after) {
  return (await messages(base, room, `after=${after}&limit=${PAGE_MAX}`)).messages;
}

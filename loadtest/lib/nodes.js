// @ts-check
/**
 * Which nodes there are, found by asking the balancer often enough.
 *
 * k6's thresholds name their tags before anything runs, and a node's name is known only then; so
 * nodes are numbered 0, 1, … in `setup()`, by name, and metrics carry the numbers.
 */
import http from "k6/http";
import { connect } from "./socketio.js";

const AT_ONCE = 6;
/** For each node that is wanted: the chance not to meet one of three in so many tries is below one in a million. */
const TRIES_PER_NODE = 24;

/** A number for a node that came after `setup()`. */
export const UNKNOWN = "x";

/** @param {string} base @returns {Promise<string>} */
async function nodeByChance(base) {
  return new Promise((done, failed) => {
    connect({
      base,
      namespace: "/chat",
      auth: () => ({ name: "scout" }),
      jar: new http.CookieJar(),
      on: {
        session: ([session], _ack, socket) => {
          done(session.node);
          socket.close();
        },
      },
      closed: (reason) => failed(new Error(reason)),
    }).catch(failed);
  });
}

/**
 * @param {string} base
 * @param {number} count How many there are.
 * @returns {Promise<string[]>} Their names, sorted.
 */
export async function findNodes(base, count) {
  /** @type {Set<string>} */
  const found = new Set();
  let trouble = "";
  for (let tries = 0; found.size < count && tries < count * TRIES_PER_NODE; tries += AT_ONCE) {
    const answers = Array.from({ length: AT_ONCE }, () => nodeByChance(base).then(
      (node) => found.add(node),
      (error) => (trouble = `; ${error.message}`),
    ));
    await Promise.all(answers);
  }
  const names = [...found].sort();
  if (names.length !== count) {
    throw new Error(`REPLICAS is ${count}, but ${base} leads to ${names.length} (${names.join(", ")})${trouble}`);
  }
  return names;
}

/** @param {string[]} nodes @param {string} from The node that stored a message. @param {string} to The one that showed it. */
export function pairOf(nodes, from, to) {
  const number = (/** @type {string} */ name) => (nodes.includes(name) ? String(nodes.indexOf(name)) : UNKNOWN);
  return `${number(from)}-${number(to)}`;
}

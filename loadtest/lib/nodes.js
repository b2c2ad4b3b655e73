// @ts-check
/**
 * Finds the nodes behind the balancer by connecting repeatedly.
 *
 * k6's thresholds must name their tags before the run starts, when node names are still unknown. So
 * `setup()` numbers the nodes 0, 1, … in the order of their names, and metrics are tagged with the numbers.
 */
import http from "k6/http";
import { connect } from "./socketio.js";

const AT_ONCE = 6;
/** With three nodes, the chance to miss one in this many tries per node is below one in a million. */
const TRIES_PER_NODE = 24;

/** Stands for a node that appeared after `setup()`. */
export const UNKNOWN = "x";

/** @param {string} base @returns {Promise<string>} */
async function randomNode(base) {
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
 * @param {number} count The expected number.
 * @returns {Promise<string[]>} Their names, sorted.
 */
export async function findNodes(base, count) {
  /** @type {Set<string>} */
  const found = new Set();
  let lastError = "";
  for (let tries = 0; found.size < count && tries < count * TRIES_PER_NODE; tries += AT_ONCE) {
    const answers = Array.from({ length: AT_ONCE }, () => randomNode(base).then(
      (node) => found.add(node),
      (error) => (lastError = `; ${error.message}`),
    ));
    await Promise.all(answers);
  }
  const names = [...found].sort();
  if (names.length !== count) {
    throw new Error(`REPLICAS is ${count}, but ${base} leads to ${names.length} (${names.join(", ")})${lastError}`);
  }
  return names;
}

/** @param {string[]} nodes @param {string} from The node that stored a message. @param {string} to The node that delivered it. */
export function pairOf(nodes, from, to) {
  const number = (/** @type {string} */ name) => (nodes.includes(name) ? String(nodes.indexOf(name)) : UNKNOWN);
  return `${number(from)}-${number(to)}`;
}

// @ts-check
/** What every scenario does before its clients come. */
import { findNodes } from "./nodes.js";
import { common } from "./options.js";

/** @returns {Promise<import("./member.js").SetupData>} */
export async function prepare() {
  const nodes = await findNodes(common.base, common.replicas);
  // Its own rooms: what earlier runs said is not this one's to judge.
  return { run: `${Date.now().toString(36)}${Math.floor(Math.random() * 1_000)}`, nodes };
}

// @ts-check
/** The `setup()` of every scenario. */
import { findNodes } from "./nodes.js";
import { common } from "./options.js";

/** @returns {Promise<import("./client.js").SetupData>} */
export async function prepare() {
  const nodes = await findNodes(common.base, common.replicas);
  // The run id makes the rooms unique, so messages of earlier runs are not judged.
  return { run: `${Date.now().toString(36)}${Math.floor(Math.random() * 1_000)}`, nodes };
}

// @ts-check
/**
 * Writes the provisioned dashboards: `npm run dashboards`.
 *
 * They are built with Grafana's own library, whose types check their structure.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { clients } from "./clients.mjs";
import { cluster } from "./cluster.mjs";
import { loadtest } from "./loadtest.mjs";
import { overview } from "./overview.mjs";

/** Dashboards by file name. */
export const DASHBOARDS = { overview, cluster, clients, loadtest };
export const FOLDER = fileURLToPath(new URL("../dashboards/", import.meta.url));

/** @param {unknown} dashboard */
export function text(dashboard) {
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, dashboard] of Object.entries(DASHBOARDS)) writeFileSync(`${FOLDER}${name}.json`, text(dashboard));
}

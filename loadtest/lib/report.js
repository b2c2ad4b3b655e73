// @ts-check
/** What a run leaves behind: a page of text on the terminal, and HTML and JSON in `OUT`. */
import { common } from "./options.js";
import { html } from "./report_html.js";
import { text } from "./report_text.js";
import { summarize } from "./summary.js";

/**
 * For `handleSummary`.
 *
 * @param {string} scenario
 * @param {import("./summary.js").SummaryData} data
 * @returns {Record<string, string>} What to write, by file.
 */
export function report(scenario, data) {
  const summary = summarize(scenario, data);
  const settings = { url: common.base, replicas: common.replicas, transport: common.transport };
  const path = `${common.out}/${scenario}`;
  return {
    stdout: `${text(summary, settings)}\n  ${path}.html\n`,
    [`${path}.html`]: html(summary, settings),
    [`${path}.json`]: JSON.stringify({ ...summary, settings, metrics: data.metrics }, null, 2),
  };
}

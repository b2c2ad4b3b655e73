// @ts-check
/** The report of a run: text on the terminal, HTML and JSON in `OUT`. */
import { common } from "./options.js";
import { html } from "./report_html.js";
import { text } from "./report_text.js";
import { summarize } from "./summary.js";

/**
 * Builds the result of `handleSummary`.
 *
 * @param {string} scenario
 * @param {import("./summary.js").SummaryData} data
 * @returns {Record<string, string>} Contents by file name.
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

// @ts-check
/** Common parts of all dashboards: the node variable, events as annotations, and links to each other. */
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import { PROMETHEUS } from "./panels.mjs";

/** Resolution of annotation queries: the scrape interval. */
const STEP = "5s";

/**
 * A variable whose values are those of a label.
 *
 * @param {string} name
 * @param {string} label
 * @param {string} description
 * @param {string} query
 */
export function variable(name, label, description, query) {
  return new dashboard.QueryVariableBuilder(name).label(label).description(description).datasource(PROMETHEUS)
    .query({ query, refId: name }).definition(query).multi(true).includeAll(true).allValue(".*")
    .current({ selected: true, text: ["All"], value: ["$__all"] })
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged).sort(dashboard.VariableSort.NaturalAsc);
}

/** @param {string} name @param {string} color @param {string} expr @param {string} title @param {boolean} [useValueForTime] */
function event(name, color, expr, title, useValueForTime = false) {
  return new dashboard.AnnotationQueryBuilder().name(name).enable(true).hide(false).iconColor(color).datasource(PROMETHEUS)
    .expr(expr).titleFormat(title).textFormat("{{instance}}").step(STEP).useValueForTime(useValueForTime);
}

/** Changes and failures of the cluster. */
const EVENTS = [
  event("A node started", "green", 'chorus_process_start_time_seconds{instance=~"$node"} * 1000', "started", true),
  event("A node drains", "blue", 'chorus_drain_stage{instance=~"$node"} > 0', "drains"),
  event("A node left", "orange", '(up{job="chat", instance=~"$node"} offset 15s) unless up{job="chat", instance=~"$node"}', "left"),
  event("A node does not answer", "red", 'up{job="chat", instance=~"$node"} == 0', "does not answer"),
  event("An alert fires", "dark-red", 'ALERTS{alertstate="firing"}', "{{alertname}}"),
];

/**
 * @typedef {import("@grafana/grafana-foundation-sdk/cog").Builder<dashboard.Panel>} Panel
 * @typedef {[heading: string | null, ...panels: Panel[]]} Section The first one has no heading.
 */

/**
 * Builds a dashboard.
 *
 * @param {{ uid: string, title: string, description: string }} about
 * @param {Section[]} sections
 * @param {ReturnType<typeof variable>[]} [variables] In addition to the node variable.
 */
export function board({ uid, title, description }, sections, variables = []) {
  const nodes = variable("node", "Node", "Replicas, by the address that Prometheus scrapes.", "label_values(chorus_build_info, instance)");
  const all = new dashboard.DashboardBuilder(title).uid(uid).description(description).tags(["chorus"])
    .editable().timezone("browser").time({ from: "now-30m", to: "now" }).refresh("10s")
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .variables([nodes, ...variables]).annotations(EVENTS)
    .link(new dashboard.DashboardLinkBuilder("Dashboards").type(dashboard.DashboardLinkType.Dashboards)
      .tags(["chorus"]).asDropdown(false).keepTime(true).includeVars(true));
  for (const [heading, ...panels] of sections) {
    if (heading !== null) all.withRow(new dashboard.RowBuilder(heading));
    for (const panel of panels) all.withPanel(panel);
  }
  const built = all.build();
  // The library's default placement hides both in a menu.
  for (const each of [...(built.links ?? []), ...(built.annotations?.list ?? [])]) delete each.placement;
  built.panels?.forEach((panel, at) => (panel.id = at + 1));
  return built;
}

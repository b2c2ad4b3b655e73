// @ts-check
/**
 * Panel types, which look the same on all dashboards.
 *
 * @typedef {[expr: string, legend: string]} Query
 * @typedef {object} About
 * @property {string} title A question or a fact.
 * @property {string} description The description: what the panel shows, and what would be bad.
 * @property {string} unit
 * @property {number} width In columns, of 24.
 */
import * as bargauge from "@grafana/grafana-foundation-sdk/bargauge";
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as heatmap from "@grafana/grafana-foundation-sdk/heatmap";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as statetimeline from "@grafana/grafana-foundation-sdk/statetimeline";
import * as table from "@grafana/grafana-foundation-sdk/table";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

/** The provisioned data source. */
export const PROMETHEUS = { type: "prometheus", uid: "prometheus" };

const HEIGHT = 8;
const HEIGHT_OF_NUMBERS = 4;
/** The legend of a sum beside its parts, drawn as a dashed line. */
export const TOTAL = "all nodes";

/** @param {Query} query @param {number} at */
function target([expr, legend], at) {
  return new prometheus.DataqueryBuilder().refId(String.fromCharCode(65 + at)).expr(expr).legendFormat(legend);
}

/**
 * Threshold colours: `first` below the first bound, then each colour from its bound on.
 *
 * @param {string} first
 * @param {[from: number, color: string][]} more
 */
export function steps(first, ...more) {
  const all = [{ value: null, color: first }, ...more.map(([value, color]) => ({ value, color }))];
  return new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute)
    .steps(/** @type {dashboard.Threshold[]} */ (all));
}

/** @param {dashboard.FieldColorModeId} mode */
function colors(mode) {
  return new dashboard.FieldColorBuilder().mode(mode);
}

/** @param {[value: number, text: string, color: string][]} names @returns {dashboard.ValueMapping[]} */
function mappings(names) {
  const options = names.map(([value, text, color], index) => [value, { text, color, index }]);
  return [{ type: /** @type {any} */ (dashboard.MappingType.ValueToText), options: Object.fromEntries(options) }];
}

/**
 * Lines over time.
 *
 * @param {About & { stacked?: boolean, max?: number, line?: number }} about `line`: a threshold, drawn as a dashed line.
 * @param {Query[]} queries
 */
export function lines({ title, description, unit, width, stacked = false, max, line }, queries) {
  const panel = new timeseries.PanelBuilder().title(title).description(description).unit(unit).datasource(PROMETHEUS)
    .height(HEIGHT).span(width).targets(queries.map(target)).min(0)
    .lineWidth(1).fillOpacity(stacked ? 30 : 6).showPoints(common.VisibilityMode.Never)
    .colorScheme(colors(dashboard.FieldColorModeId.PaletteClassic))
    .legend(new common.VizLegendOptionsBuilder().showLegend(true).displayMode(common.LegendDisplayMode.List).placement(common.LegendPlacement.Bottom))
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending))
    .overrideByName(TOTAL, [
      { id: "color", value: { mode: "fixed", fixedColor: "text" } },
      { id: "custom.lineStyle", value: { fill: "dash", dash: [6, 4] } },
      { id: "custom.fillOpacity", value: 0 },
    ]);
  if (stacked) panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group("A"));
  if (max !== undefined) panel.max(max);
  if (line !== undefined) {
    panel.thresholds(steps("transparent", [line, "red"]))
      .thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed));
  }
  return panel;
}

/**
 * The newest value, large.
 *
 * @param {About} about
 * @param {Query} query
 * @param {dashboard.ThresholdsConfigBuilder} colored
 * @param {{ nothing?: string, name?: boolean }} [drawn] `nothing`: shown if there is no data; `name`: show the series' names instead of values.
 */
export function number({ title, description, unit, width }, query, colored, { nothing, name = false } = {}) {
  const panel = new stat.PanelBuilder().title(title).description(description).unit(unit).datasource(PROMETHEUS)
    // Instant for names, because a range would also show series that have ended.
    .height(HEIGHT_OF_NUMBERS).span(width).targets([name ? target(query, 0).instant() : target(query, 0)])
    .thresholds(colored).colorScheme(colors(dashboard.FieldColorModeId.Thresholds))
    .graphMode(name ? common.BigValueGraphMode.None : common.BigValueGraphMode.Area)
    .textMode(name ? common.BigValueTextMode.Name : common.BigValueTextMode.Value)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]).values(false).fields(""));
  return nothing === undefined ? panel : panel.noValue(nothing);
}

/**
 * States over time, one row per series.
 *
 * @param {About} about
 * @param {Query} query
 * @param {[value: number, text: string, color: string][]} names
 */
export function states({ title, description, unit, width }, query, names) {
  return new statetimeline.PanelBuilder().title(title).description(description).unit(unit).datasource(PROMETHEUS)
    .height(HEIGHT).span(width).targets([target(query, 0)]).mappings(mappings(names))
    .colorScheme(colors(dashboard.FieldColorModeId.Thresholds))
    .showValue(common.VisibilityMode.Never).mergeValues(true).rowHeight(0.8).fillOpacity(70)
    .legend(new common.VizLegendOptionsBuilder().showLegend(true).displayMode(common.LegendDisplayMode.List).placement(common.LegendPlacement.Bottom));
}

/**
 * A histogram over time.
 *
 * @param {About} about
 * @param {string} expr Bucket rates by `le`.
 */
export function heat({ title, description, unit, width }, expr) {
  const query = target([expr, "{{le}}"], 0).format(prometheus.PromQueryFormat.Heatmap);
  return new heatmap.PanelBuilder().title(title).description(description).unit("cps").datasource(PROMETHEUS)
    .height(HEIGHT + 2).span(width).targets([query]).interval("10s").calculate(false)
    .yAxis(new heatmap.YAxisConfigBuilder().unit(unit))
    .cellValues(new heatmap.CellValuesBuilder().unit("cps"))
    .filterValues(new heatmap.FilterValueRangeBuilder().le(1e-9))
    .color(new heatmap.HeatmapColorOptionsBuilder().mode(heatmap.HeatmapColorMode.Scheme).scheme("Turbo")
      .scale(heatmap.HeatmapColorScale.Exponential).exponent(0.4).steps(64))
    .tooltip(new heatmap.HeatmapTooltipBuilder().mode(common.TooltipDisplayMode.Single).yHistogram(true));
}

/**
 * One bar per series, over the whole time range.
 *
 * @param {About} about
 * @param {Query} query
 * @param {dashboard.ThresholdsConfigBuilder} colored
 */
export function bars({ title, description, unit, width }, query, colored) {
  return new bargauge.PanelBuilder().title(title).description(description).unit(unit).datasource(PROMETHEUS)
    .height(HEIGHT).span(width).targets([target(query, 0).instant()]).min(0).decimals(0)
    .thresholds(colored).colorScheme(colors(dashboard.FieldColorModeId.Thresholds))
    .orientation(common.VizOrientation.Horizontal).displayMode(common.BarGaugeDisplayMode.Basic)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]).values(false).fields(""));
}

/**
 * A table of labels, one row per series.
 *
 * @param {About} about
 * @param {string} expr
 * @param {[label: string, heading: string][]} columns
 */
export function labels({ title, description, unit, width }, expr, columns) {
  const query = target([expr, ""], 0).format(prometheus.PromQueryFormat.Table).instant();
  return new table.PanelBuilder().title(title).description(description).unit(unit).datasource(PROMETHEUS)
    .height(HEIGHT).span(width).targets([query]).withTransformation({
      id: "organize",
      options: {
        includeByName: Object.fromEntries(columns.map(([label]) => [label, true])),
        indexByName: Object.fromEntries(columns.map(([label], at) => [label, at])),
        renameByName: Object.fromEntries(columns),
      },
    });
}

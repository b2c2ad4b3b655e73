// @ts-check
/**
 * The kinds of panel, each drawn in one way on all dashboards.
 *
 * @typedef {[expr: string, legend: string]} Query
 * @typedef {object} Said What every panel says about itself.
 * @property {string} title A question, or a fact.
 * @property {string} says What is shown, and what would be bad.
 * @property {string} unit
 * @property {number} width Of 24.
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

/** As it is provisioned. */
export const PROMETHEUS = { type: "prometheus", uid: "prometheus" };

const HEIGHT = 8;
const HEIGHT_OF_NUMBERS = 4;
/** The name of a sum beside its parts, which is drawn as such. */
export const TOTAL = "all nodes";

/** @param {Query} query @param {number} at */
function target([expr, legend], at) {
  return new prometheus.DataqueryBuilder().refId(String.fromCharCode(65 + at)).expr(expr).legendFormat(legend);
}

/**
 * Colours from 0 on, and from each bound on.
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
 * @param {Said & { stacked?: boolean, max?: number, line?: number }} said `line`: where it begins to be bad.
 * @param {Query[]} queries
 */
export function lines({ title, says, unit, width, stacked = false, max, line }, queries) {
  const panel = new timeseries.PanelBuilder().title(title).description(says).unit(unit).datasource(PROMETHEUS)
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
 * @param {Said} said
 * @param {Query} query
 * @param {dashboard.ThresholdsConfigBuilder} colored
 * @param {{ nothing?: string, name?: boolean }} [drawn] `nothing`: what an empty answer means; `name`: the series' name is the answer.
 */
export function number({ title, says, unit, width }, query, colored, { nothing, name = false } = {}) {
  const panel = new stat.PanelBuilder().title(title).description(says).unit(unit).datasource(PROMETHEUS)
    // Of names, only those of now: over the range, each that once was would be shown.
    .height(HEIGHT_OF_NUMBERS).span(width).targets([name ? target(query, 0).instant() : target(query, 0)])
    .thresholds(colored).colorScheme(colors(dashboard.FieldColorModeId.Thresholds))
    .graphMode(name ? common.BigValueGraphMode.None : common.BigValueGraphMode.Area)
    .textMode(name ? common.BigValueTextMode.Name : common.BigValueTextMode.Value)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]).values(false).fields(""));
  return nothing === undefined ? panel : panel.noValue(nothing);
}

/**
 * States over time, one lane a series.
 *
 * @param {Said} said
 * @param {Query} query
 * @param {[value: number, text: string, color: string][]} names
 */
export function states({ title, says, unit, width }, query, names) {
  return new statetimeline.PanelBuilder().title(title).description(says).unit(unit).datasource(PROMETHEUS)
    .height(HEIGHT).span(width).targets([target(query, 0)]).mappings(mappings(names))
    .colorScheme(colors(dashboard.FieldColorModeId.Thresholds))
    .showValue(common.VisibilityMode.Never).mergeValues(true).rowHeight(0.8).fillOpacity(70)
    .legend(new common.VizLegendOptionsBuilder().showLegend(true).displayMode(common.LegendDisplayMode.List).placement(common.LegendPlacement.Bottom));
}

/**
 * Where a histogram's values lie, over time.
 *
 * @param {Said} said
 * @param {string} expr Rates of buckets, by `le`.
 */
export function heat({ title, says, unit, width }, expr) {
  const query = target([expr, "{{le}}"], 0).format(prometheus.PromQueryFormat.Heatmap);
  return new heatmap.PanelBuilder().title(title).description(says).unit("cps").datasource(PROMETHEUS)
    .height(HEIGHT + 2).span(width).targets([query]).interval("10s").calculate(false)
    .yAxis(new heatmap.YAxisConfigBuilder().unit(unit))
    .cellValues(new heatmap.CellValuesBuilder().unit("cps"))
    .filterValues(new heatmap.FilterValueRangeBuilder().le(1e-9))
    .color(new heatmap.HeatmapColorOptionsBuilder().mode(heatmap.HeatmapColorMode.Scheme).scheme("Turbo")
      .scale(heatmap.HeatmapColorScale.Exponential).exponent(0.4).steps(64))
    .tooltip(new heatmap.HeatmapTooltipBuilder().mode(common.TooltipDisplayMode.Single).yHistogram(true));
}

/**
 * One bar a series, of the whole time range.
 *
 * @param {Said} said
 * @param {Query} query
 * @param {dashboard.ThresholdsConfigBuilder} colored
 */
export function bars({ title, says, unit, width }, query, colored) {
  return new bargauge.PanelBuilder().title(title).description(says).unit(unit).datasource(PROMETHEUS)
    .height(HEIGHT).span(width).targets([target(query, 0).instant()]).min(0).decimals(0)
    .thresholds(colored).colorScheme(colors(dashboard.FieldColorModeId.Thresholds))
    .orientation(common.VizOrientation.Horizontal).displayMode(common.BarGaugeDisplayMode.Basic)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]).values(false).fields(""));
}

/**
 * The labels of each series, in columns.
 *
 * @param {Said} said
 * @param {string} expr
 * @param {[label: string, heading: string][]} columns
 */
export function labels({ title, says, unit, width }, expr, columns) {
  const query = target([expr, ""], 0).format(prometheus.PromQueryFormat.Table).instant();
  return new table.PanelBuilder().title(title).description(says).unit(unit).datasource(PROMETHEUS)
    .height(HEIGHT).span(width).targets([query]).withTransformation({
      id: "organize",
      options: {
        includeByName: Object.fromEntries(columns.map(([label]) => [label, true])),
        indexByName: Object.fromEntries(columns.map(([label], at) => [label, at])),
        renameByName: Object.fromEntries(columns),
      },
    });
}

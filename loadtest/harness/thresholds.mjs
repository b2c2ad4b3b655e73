// @ts-check
/** Parses k6's threshold expressions and submetric names. */
import { EXIT, Failure } from "./failure.mjs";
import { METHODS } from "./sinks.mjs";

const EXPRESSION = /^\s*((count|rate|value|avg|min|max|med|p)(?:\((\d+(?:\.\d+)?)\))?)\s*(<=|>=|<|>|===?|!=)\s*(-?\d+(?:\.\d+)?)\s*$/;
const NAME = /^([A-Za-z_][A-Za-z0-9_]{0,127})(?:\{(.*)\})?$/;

/** @type {Record<string, (a: number, b: number) => boolean>} */
const OPERATORS = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  "==": (a, b) => a === b,
  "===": (a, b) => a === b,
  "!=": (a, b) => a !== b,
};

/**
 * @param {string} source
 * @param {import("./sinks.mjs").Kind} kind
 * @returns {{ source: string, key: string, holds: (value: number) => boolean }}
 */
export function expression(source, kind) {
  const match = typeof source === "string" && EXPRESSION.exec(source);
  if (!match) throw new Failure(EXIT.config, `not a threshold that this harness supports: ${JSON.stringify(source)}`);
  const [, key = "", method = "", percent, operator = "", bound] = match;
  if ((method === "p") !== (percent !== undefined)) throw new Failure(EXIT.config, `not a threshold: ${source}`);
  if (!METHODS[kind].includes(method)) throw new Failure(EXIT.config, `${source}: a metric of kind ${kind} has no ${method}`);
  return { source, key, holds: (value) => OPERATORS[operator]?.(value, Number(bound)) ?? false };
}

/** Parses `name{key:value,…}`. @param {string} full @returns {{ name: string, tags: [string, string][] }} */
export function metricName(full) {
  const match = NAME.exec(full);
  if (!match) throw new Failure(EXIT.config, `not a metric name: ${full}`);
  const [, name = "", tags] = match;
  const pairs = (tags ?? "").split(",").filter(Boolean).map((pair) => {
    const [key = "", ...value] = pair.split(":");
    return /** @type {[string, string]} */ ([key.trim(), value.join(":").trim()]);
  });
  return { name, tags: pairs };
}

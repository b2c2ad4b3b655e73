// @ts-check
/**
 * Executes a test in k6's order: init, setup, scenarios, teardown, summary, exit code.
 *
 * @typedef {{ script: string, env: Record<string, string>, fault?: "loss" | "repeat" | undefined }} TestOptions
 * @typedef {{ script: string, env: Record<string, string>, registry: Registry, injectFault: (frame: string) => string[] }} World
 */
import { writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { milliseconds } from "./duration.mjs";
import { execute, isInterrupt, vusOf } from "./executors.mjs";
import { EXIT, Failure } from "./failure.mjs";
import { faultInjector } from "./fault.mjs";
import { outputOf } from "./remote_write.mjs";
import { Registry } from "./registry.mjs";
import { Vu } from "./vu.mjs";

/** @param {TestOptions} given @returns {Promise<number>} The exit code. */
export async function test(given) {
  const output = outputOf(given.env);
  try {
    return await run(given, new Registry(output));
  } finally {
    await output?.end();
  }
}

/** @param {TestOptions} options @param {Registry} registry */
async function run({ script, env, fault }, registry) {
  builtin(registry);
  /** @type {World} */
  const world = { script, env, registry, injectFault: faultInjector(fault) };
  const main = await Vu.create(0, world);
  const options = jsonCopy(main.exports.options ?? {});
  registry.watch(options.thresholds ?? {});
  const groups = await vuGroups(options, world);

  const startedAt = Date.now();
  const data = main.exports.setup ? await setup(main, options) : undefined;
  let busy = 0;
  await Promise.all(groups.map(({ name, scenario, vus }) => execute(scenario, vus, async (vu) => {
    registry.add("vus", (busy += 1), {});
    await iterate(vu, scenario.exec ?? "default", name, data, registry);
    registry.add("vus", (busy -= 1), {});
  })));
  if (main.exports.teardown) await main.run("teardown", data);
  return finish(main, options, registry, Date.now() - startedAt, data);
}

/** @param {Registry} registry */
function builtin(registry) {
  registry.declare("vus", "gauge", false);
  registry.declare("iterations", "counter", false);
  registry.declare("iteration_duration", "trend", true);
  registry.declare("http_reqs", "counter", false);
  registry.declare("http_req_duration", "trend", true);
  registry.declare("ws_sessions", "counter", false);
}

/** Copies options and setup data between VUs as JSON. @param {any} value */
function jsonCopy(value) {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/** @param {any} options @param {World} world */
async function vuGroups(options, world) {
  let last = 0;
  const groups = [];
  for (const [name, scenario] of Object.entries(options.scenarios ?? { default: { executor: "per-vu-iterations" } })) {
    const vus = [];
    for (let count = vusOf(scenario); 0 < count; count -= 1) vus.push(await Vu.create((last += 1), world));
    const exec = scenario.exec ?? "default";
    if (vus.some((vu) => typeof vu.exports[exec] !== "function")) throw new Failure(EXIT.script, `the script exports no function ${exec}`);
    for (const vu of vus) vu.tags = { scenario: name };
    groups.push({ name, scenario, vus });
  }
  return groups;
}

/** @param {Vu} main @param {any} options */
async function setup(main, options) {
  const limit = new AbortController();
  const late = pause(milliseconds(options.setupTimeout ?? "60s"), undefined, { signal: limit.signal }).then(() => {
    throw new Failure(EXIT.setupTimeout, "setup timed out");
  });
  try {
    return jsonCopy(await Promise.race([main.run("setup", undefined), late]));
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(EXIT.script, `setup: ${/** @type {Error} */ (error)?.message ?? error}`);
  } finally {
    limit.abort();
    late.catch(() => {});
  }
}

/** @param {Vu} vu @param {string} exec @param {string} scenario @param {any} data @param {Registry} registry */
async function iterate(vu, exec, scenario, data, registry) {
  const startedAt = Date.now();
  try {
    await vu.run(exec, jsonCopy(data));
  } catch (error) {
    if (isInterrupt(error)) {
      console.error(`harness: VU ${vu.execution.idInTest} of ${scenario} was interrupted`);
      return;
    }
    console.error(`harness: VU ${vu.execution.idInTest}: ${/** @type {Error} */ (error)?.stack ?? error}`);
    // Like k6: keeps a script that fails at once from spinning.
    await pause(Math.max(0, 100 - (Date.now() - startedAt)));
  }
  vu.execution.iterationInInstance += 1;
  registry.add("iterations", 1, vu.tags);
  registry.add("iteration_duration", Date.now() - startedAt, vu.tags);
}

/** @param {Vu} main @param {any} options @param {Registry} registry @param {number} ms @param {any} data */
async function finish(main, options, registry, ms, data) {
  const metrics = registry.summary(ms / 1_000, options.summaryTrendStats);
  const broken = Object.entries(metrics).flatMap(([name, { thresholds = {} }]) =>
    Object.entries(thresholds).filter(([, { ok }]) => !ok).map(([rule]) => `${name}: ${rule}`));
  if (main.exports.handleSummary) {
    const files = await main.run("handleSummary", jsonCopy({ metrics, options, state: { testRunDurationMs: ms }, setup_data: data }));
    for (const [name, content] of Object.entries(files)) {
      if (name === "stdout") process.stdout.write(content);
      else writeFileSync(name, content);
    }
  }
  if (broken.length === 0) return 0;
  console.error(`harness: thresholds on these have failed: ${broken.join("; ")}`);
  return EXIT.thresholds;
}

// @ts-check
/**
 * Runs a k6 script without k6: `node loadtest/harness/run.mjs [-e NAME=value]… [--out OUTPUT] [--plant loss|repeat] SCRIPT`.
 *
 * It implements only the k6 modules that the scripts of this folder use, and hides Node's globals, so that
 * a script that runs here also runs in k6. Exit codes are k6's.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import vm from "node:vm";
import { EXIT, Failure } from "./failure.mjs";

if (vm.SourceTextModule) {
  process.exitCode = await main(process.argv.slice(2));
} else {
  // Node needs a flag for the modules of a vm context.
  const flags = ["--experimental-vm-modules", "--no-warnings", ...process.execArgv];
  const child = spawn(process.execPath, [...flags, ...process.argv.slice(1)], { stdio: "inherit" });
  for (const signal of /** @type {NodeJS.Signals[]} */ (["SIGINT", "SIGTERM"])) process.on(signal, () => child.kill(signal));
  const [code] = await once(child, "exit");
  process.exitCode = code ?? EXIT.aborted;
}

/** @param {string[]} args @returns {Promise<number>} */
async function main(args) {
  // An unhandled rejection cannot be attributed to a VU.
  let code = 0;
  process.on("unhandledRejection", (error) => {
    console.error(`harness: unhandled rejection: ${error instanceof Error ? error.stack : error}`);
    code = EXIT.script;
  });
  try {
    const { test } = await import("./test.mjs");
    const ended = await test(optionsOf(args));
    code ||= ended;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.error(`harness: ${error.message}`);
    code = error.code;
  }
  return code;
}

/** @param {string[]} args @returns {import("./test.mjs").TestOptions} */
function optionsOf(args) {
  const { values, positionals } = parse(args);
  const [script] = positionals;
  const fault = values.plant;
  if (script === undefined || positionals.length !== 1) throw new Failure(EXIT.config, "name exactly one script");
  if (fault !== undefined && fault !== "loss" && fault !== "repeat") throw new Failure(EXIT.config, "--plant must be loss or repeat");
  const given = (values.env ?? []).map((pair) => /** @type {[string, string]} */ ([pair.split("=", 1)[0], pair.slice(pair.indexOf("=") + 1)]));
  // Like k6: -e overrides the process's environment.
  const env = /** @type {Record<string, string>} */ ({ ...process.env, ...Object.fromEntries(given) });
  if (values.out !== undefined) env.K6_OUT = values.out;
  return { script, env, fault };
}

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: { env: { type: "string", short: "e", multiple: true }, out: { type: "string", short: "o" }, plant: { type: "string" } },
    });
  } catch (error) {
    throw new Failure(EXIT.config, /** @type {Error} */ (error).message);
  }
}

// @ts-check
/**
 * One virtual user (VU): a JavaScript context of its own, as in k6, without Node's globals.
 *
 * An iteration ends when its promise has settled and no timer, socket or request is open.
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import vm from "node:vm";
import { EXIT, Failure } from "./failure.mjs";
import { CookieJar } from "./http.mjs";
import { modulesOf } from "./modules.mjs";

/** Globals of V8 that k6's engine lacks. */
const NOT_IN_K6 = ["WebAssembly", "SharedArrayBuffer", "Atomics", "Intl", "WeakRef", "FinalizationRegistry"];
const LEVELS = /** @type {const} */ (["debug", "log", "info", "warn", "error"]);

/** Read once for all VUs. @type {Map<string, string>} */
const sources = new Map();

export class Interrupted extends Error {}

export class Vu {
  /** Whether the init context is over. */
  runs = false;
  jar = new CookieJar();
  /** @type {Record<string, string>} */
  tags = {};
  /** Data of `k6/execution`. */
  execution = { idInTest: 0, iterationInInstance: 0 };
  /** Close functions of open timers, sockets and requests. @type {Set<() => void>} */
  #open = new Set();
  /** @type {(error?: unknown) => void} */
  #ended = () => {};
  #settled = true;
  /** @type {Record<string, any>} */
  exports = {};

  /**
   * @param {number} id
   * @param {import("./test.mjs").World} world
   */
  static async create(id, world) {
    const vu = new Vu();
    vu.execution.idInTest = id;
    const context = vm.createContext({}, { codeGeneration: { strings: false, wasm: false } });
    for (const name of NOT_IN_K6) vm.runInContext(`delete globalThis.${name}`, context);
    Object.assign(context, { __ENV: { ...world.env }, __VU: id, __ITER: 0, console: consoleOf() });
    vu.exports = await load(resolve(world.script), context, modulesOf(vu, world));
    vu.runs = true;
    return vu;
  }

  /** @param {string} what */
  assertRuns(what) {
    if (!this.runs) throw new Error(`${what} is not available in the init context`);
  }

  /**
   * Runs one of the script's exported functions until its iteration ends.
   *
   * @param {string} name
   * @param {unknown} data
   * @returns {Promise<any>} Its result. Rejects with what it threw, or with {@link Interrupted}.
   */
  async run(name, data) {
    this.jar = new CookieJar();
    this.#settled = false;
    /** @type {Promise<void>} */
    const over = new Promise((done, failed) => {
      this.#ended = (error) => (error === undefined ? done() : failed(error));
    });
    const result = (async () => this.exports[name](data))();
    result.then(() => {
      this.#settled = true;
      this.#check();
    }, (error) => this.#ended(error));
    try {
      await over;
      return await result;
    } finally {
      this.#settled = true;
      for (const end of this.#open) end();
      this.#open.clear();
    }
  }

  interrupt() {
    this.#ended(new Interrupted("interrupted"));
  }

  /** Registers something open, which keeps the iteration alive. @param {() => void} end Closes it. @returns {() => void} Call it once it is closed. */
  hold(end) {
    this.#open.add(end);
    return () => {
      this.#open.delete(end);
      this.#check();
    };
  }

  /** Calls the script; an exception ends the iteration. @param {() => void} callback */
  turn(callback) {
    try {
      callback();
    } catch (error) {
      this.#ended(error);
    }
  }

  #check() {
    // One turn later, because the settled code may open something new.
    if (this.#settled && this.#open.size === 0) setImmediate(() => this.#open.size === 0 && this.#ended());
  }
}

function consoleOf() {
  return Object.fromEntries(LEVELS.map((level) => [level, (/** @type {unknown[]} */ ...values) => {
    console.error(`${level}: ${values.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join(" ")}`);
  }]));
}

/**
 * @param {string} script
 * @param {vm.Context} context
 * @param {Record<string, Record<string, unknown>>} builtin
 */
async function load(script, context, builtin) {
  /** @type {Map<string, vm.Module>} */
  const modules = new Map();
  /** @param {string} specifier @param {vm.Module} from @returns {vm.Module} */
  const link = (specifier, from) => {
    const known = builtin[specifier];
    if (!known && !/^\.{0,2}\//.test(specifier)) throw new Error(`unknown module: ${specifier}`);
    const name = known ? specifier : resolve(dirname(from.identifier), specifier);
    const module = modules.get(name) ?? (known ? synthetic(name, known, context) : source(name, context));
    modules.set(name, module);
    return module;
  };
  try {
    const main = source(script, context);
    await main.link(link);
    await main.evaluate();
    return main.namespace;
  } catch (error) {
    throw new Failure(EXIT.script, `the script cannot be loaded: ${/** @type {Error} */ (error)?.stack ?? error}`);
  }
}

/** @param {string} path @param {vm.Context} context */
function source(path, context) {
  const text = sources.get(path) ?? readFileSync(path, "utf8");
  sources.set(path, text);
  return new vm.SourceTextModule(text, { context, identifier: path });
}

/** @param {string} name @param {Record<string, unknown>} exports @param {vm.Context} context */
function synthetic(name, exports, context) {
  return new vm.SyntheticModule(Object.keys(exports), function () {
    for (const [key, value] of Object.entries(exports)) this.setExport(key, value);
  }, { context, identifier: name });
}

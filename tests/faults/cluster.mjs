// @ts-check
/** Three nodes on one SQLite file and one Redis, which a test can kill, freeze and restart. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { askRedis, CHORUS, folder, freePort, redisAnswers, redisAt, settings, start, until } from "../wire/harness.mjs";

/** @typedef {import("../wire/harness.mjs").Scope} Scope */

/** A process that can be killed, frozen and restarted with the same address. */
class Process {
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #child;

  /**
   * @param {Scope} scope
   * @param {[command: string, args: string[], options: import("node:child_process").SpawnOptions]} command
   * @param {() => unknown} answers Whether it is ready.
   */
  constructor(scope, command, answers) {
    this.scope = scope;
    this.command = command;
    this.answers = answers;
  }

  async start() {
    this.#child = start(this.scope, ...this.command);
    // Discard its output, so that the pipe does not fill.
    this.#child.stderr?.resume();
    await until(`${this.command[0]} answers`, this.answers);
  }

  /** Kills it with SIGKILL. */
  async kill() {
    this.#child?.kill("SIGKILL");
    if (this.#child && this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "exit");
  }

  freeze() {
    this.#child?.kill("SIGSTOP");
  }

  thaw() {
    this.#child?.kill("SIGCONT");
  }

  /** Waits until a fail point has stopped the process. */
  frozen() {
    const stat = `/proc/${this.#child?.pid}/stat`;
    return until("the process is stopped", () => / T /.test(readFileSync(stat, "utf8").split(")")[1] ?? ""));
  }
}

/** A small file system that can be filled. */
class Disk {
  /** @param {Scope} scope @param {number} mib */
  constructor(scope, mib) {
    this.path = folder({ after() {} });
    asRoot("mount", "-t", "tmpfs", "-o", `size=${mib}m,mode=0777`, "tmpfs", this.path);
    // Lazy, because a process that is being killed may still have a file open.
    scope.after(() => {
      asRoot("umount", "--lazy", this.path);
      rmSync(this.path, { recursive: true });
    });
  }

  fill() {
    const file = openSync(join(this.path, "filler"), "a");
    for (const size of [1 << 16, 1 << 12, 1]) {
      try {
        while (writeSync(file, Buffer.alloc(size)) === size);
      } catch (error) {
        if (/** @type {NodeJS.ErrnoException} */ (error).code !== "ENOSPC") throw error;
      }
    }
    closeSync(file);
  }

  empty() {
    rmSync(join(this.path, "filler"));
  }
}

/** @param {string[]} command */
function asRoot(...command) {
  const [program = "", ...args] = process.getuid?.() === 0 ? command : ["sudo", "-n", ...command];
  execFileSync(program, args);
}

export class Cluster {
  /** @type {Process[]} */
  nodes = [];
  /** @type {string[]} */
  urls = [];

  /** @param {Scope} scope @param {number} redisPort @param {Disk | undefined} disk @param {string} home */
  constructor(scope, redisPort, disk, home) {
    this.scope = scope;
    this.redisPort = redisPort;
    this.redis = new Process(scope, [...redisAt(redisPort, home), {}], () => redisAnswers(redisPort));
    this.disk = disk;
    this.home = home;
  }

  /**
   * @param {Scope} scope
   * @param {{ redis?: boolean, diskMib?: number, failpoint?: string }} [options] `redis`: whether it runs when the nodes
   *   start; `failpoint`: set on the first node.
   */
  static async start(scope, { redis = true, diskMib, failpoint } = {}) {
    const disk = diskMib === undefined ? undefined : new Disk(scope, diskMib);
    const home = disk?.path ?? folder(scope);
    const cluster = new Cluster(scope, await freePort(), disk, home);
    if (redis) await cluster.redis.start();
    for (const number of [1, 2, 3]) {
      const env = { CHORUS_NODE__ID: `node-${number}`, ...(number === 1 && failpoint && { CHORUS_FAILPOINT: failpoint }) };
      await cluster.#addNode(env);
    }
    return cluster;
  }

  /** The node that gets the faults. */
  get victim() {
    return /** @type {Process} */ (this.nodes[0]);
  }

  /** @param {Record<string, string>} env */
  async #addNode(env) {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const options = {
      cwd: this.home,
      env: {
        ...settings(this.home, `redis://127.0.0.1:${this.redisPort}`),
        PORT: String(port),
        // Short, so that clients detect a frozen node during the test.
        CHORUS_SOCKETIO__PING_INTERVAL: "2s",
        CHORUS_SOCKETIO__PING_TIMEOUT: "2s",
        ...env,
      },
    };
    const answers = () => fetch(`${url}/readyz`).then(({ ok }) => ok, () => false);
    const node = new Process(this.scope, [CHORUS, ["serve"], options], answers);
    await node.start();
    this.nodes.push(node);
    this.urls.push(url);
  }

  /** Lets another process hold the log's lock. @param {number} seconds */
  holdLock(seconds) {
    start(this.scope, "flock", [join(this.home, "chat.db.lock"), "sleep", String(seconds)]);
  }

  /** Posts the message that triggers the first node's fail point, without waiting for the answer. */
  async triggerFailpoint() {
    const post = (/** @type {string} */ path, /** @type {object} */ body, /** @type {Record<string, string>} */ headers) =>
      fetch(`${this.urls[0]}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
    const { token } = /** @type {{ token: string }} */ (await (await post("/api/sessions", {}, {})).json());
    post("/api/rooms/trap/messages", { text: "stop_in_commit" }, { authorization: `Bearer ${token}` }).catch(() => {});
  }

  /** Empties Redis and closes all its connections. */
  flush() {
    for (const command of ["flushall", "client kill type normal", "client kill type pubsub"]) {
      askRedis(this.redisPort, ...command.split(" "));
    }
  }
}

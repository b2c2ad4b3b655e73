// @ts-check
/** Three nodes on one file and one Redis, each of which a test can kill, freeze and start again. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { askRedis, CHORUS, folder, freePort, redisAnswers, redisAt, settings, start, until } from "../wire/harness.mjs";

/** @typedef {import("../wire/harness.mjs").Scope} Scope */

/** A process that can be ended, frozen and started again with the same address. */
class Process {
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #child;

  /**
   * @param {Scope} scope
   * @param {[command: string, args: string[], options: import("node:child_process").SpawnOptions]} command
   * @param {() => unknown} answers Whether it serves.
   */
  constructor(scope, command, answers) {
    this.scope = scope;
    this.command = command;
    this.answers = answers;
  }

  async start() {
    this.#child = start(this.scope, ...this.command);
    // Nobody reads what it says; the pipe must not fill.
    this.#child.stderr?.resume();
    await until(`${this.command[0]} answers`, this.answers);
  }

  /** As a power cut ends it. */
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

  /** Waits until it stands still: a fail point has stopped it. */
  frozen() {
    const stat = `/proc/${this.#child?.pid}/stat`;
    return until("a process stands still", () => / T /.test(readFileSync(stat, "utf8").split(")")[1] ?? ""));
  }
}

/** A small file system that can be filled. */
class Disk {
  /** @param {Scope} scope @param {number} mib */
  constructor(scope, mib) {
    this.path = folder({ after() {} });
    asRoot("mount", "-t", "tmpfs", "-o", `size=${mib}m,mode=0777`, "tmpfs", this.path);
    // Lazily: a process that is being killed may still hold a file.
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
   * @param {{ redis?: boolean, diskMib?: number, failpoint?: string }} [options] `redis`: it runs when the nodes start;
   *   `failpoint`: of the first node.
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

  /** The first node: the one that faults happen to. */
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
        // So that a frozen node's clients notice it within the test.
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

  /** Someone else takes the log's lock for so long. @param {number} seconds */
  holdLock(seconds) {
    start(this.scope, "flock", [join(this.home, "chat.db.lock"), "sleep", String(seconds)]);
  }

  /** Posts to the first node the message at which its fail point waits; nobody waits for the answer. */
  async trap() {
    const post = (/** @type {string} */ path, /** @type {object} */ body, /** @type {Record<string, string>} */ headers) =>
      fetch(`${this.urls[0]}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
    const { token } = /** @type {{ token: string }} */ (await (await post("/api/sessions", {}, {})).json());
    post("/api/rooms/trap/messages", { text: "stop_in_commit" }, { authorization: `Bearer ${token}` }).catch(() => {});
  }

  /** Redis forgets all that it has, and everybody who is connected. */
  flush() {
    for (const command of ["flushall", "client kill type normal", "client kill type pubsub"]) {
      askRedis(this.redisPort, ...command.split(" "));
    }
  }
}

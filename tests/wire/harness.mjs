// @ts-check
/** Shared by the wire tests: starts real nodes on free ports, a real Redis and an nginx, and waits for conditions. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";

export { pause };

/** How long a test waits for anything. */
export const TIMEOUT_MS = 20_000;

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const CHORUS = process.env.CHORUS_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, "target"), "debug/chorus");

/** @typedef {import("node:test").TestContext | { after(end: () => unknown): void }} Scope Runs cleanup at the end of a test or file. */

/** Running child processes. @type {Set<import("node:child_process").ChildProcess>} */
const children = new Set();
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(1));

/**
 * Starts a process and kills it at the end of the test.
 *
 * @param {Scope} scope
 * @param {string} command
 * @param {string[]} args
 * @param {import("node:child_process").SpawnOptions} [options]
 */
export function start(scope, command, args, options) {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"], ...options });
  children.add(child);
  const ended = once(child, "exit").then(() => children.delete(child));
  scope.after(async () => {
    // SIGKILL, because no test needs the drain.
    child.kill("SIGKILL");
    await ended;
  });
  return child;
}

/** Creates a folder and removes it at the end of the test. @param {Scope} scope */
export function folder(scope) {
  const path = mkdtempSync(join(tmpdir(), "chorus-wire-"));
  scope.after(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

/** A port that is free at the moment. @returns {Promise<number>} */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address ? address.port : 0;
}

/**
 * Starts nodes on one SQLite file, and with one Redis if there are several.
 *
 * @param {Scope} scope
 * @param {{ nodes?: number, env?: Record<string, string> }} [options]
 * @returns {Promise<string[]>} Their base URLs.
 */
export async function startNodes(scope, options) {
  return (await startCluster(scope, options)).map(({ url }) => url);
}

/**
 * The same, for tests that kill a node.
 *
 * @typedef {{ url: string, kill(): void }} Node `kill` is `kill -9`.
 *
 * @param {Scope} scope
 * @param {{ nodes?: number, env?: Record<string, string> }} [options]
 * @returns {Promise<Node[]>}
 */
export async function startCluster(scope, { nodes = 1, env = {} } = {}) {
  const home = folder(scope);
  const url = 1 < nodes ? await startRedis(scope, home) : "";
  const shared = { ...settings(home, url), PORT: "0", CHORUS_TELEMETRY__LOG_FORMAT: "json", ...env };
  return Promise.all(Array.from({ length: nodes }, (_, at) =>
    startNode(scope, home, { CHORUS_NODE__ID: `node-${at + 1}`, ...shared })));
}

/** Environment of nodes that share a log. @param {string} home The folder of the log. @param {string} redis */
export function settings(home, redis) {
  return {
    PATH: process.env.PATH ?? "",
    CHORUS_SERVER__HOST: "127.0.0.1",
    DATABASE_URL: `sqlite://${home}/chat.db`,
    REDIS_URL: redis,
  };
}

/**
 * @param {Scope} scope
 * @param {string} home
 * @param {Record<string, string>} env
 * @returns {Promise<Node>}
 */
async function startNode(scope, home, env) {
  const child = start(scope, CHORUS, ["serve"], { cwd: home, env });
  /** @type {string[]} */
  const output = [];
  return new Promise((done, failed) => {
    child.on("error", failed);
    child.on("exit", (code, signal) => failed(new Error(`chorus ended (${code ?? signal}):\n${output.join("\n")}`)));
    createInterface({ input: /** @type {import("node:stream").Readable} */ (child.stderr) }).on("line", (line) => {
      if (output.length < 50) output.push(line);
      const { message, addr, level } = parsed(line);
      if (message === "ready") done({ url: `http://${addr}`, kill: () => child.kill("SIGKILL") });
      if (level === "ERROR") console.error(`chorus: ${line}`);
    });
  });
}

/** @param {string} line @returns {{ message?: string, addr?: string, level?: string }} */
function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return {};
  }
}

/** @param {Scope} scope @param {string} home */
async function startRedis(scope, home) {
  const port = await freePort();
  start(scope, ...redisAt(port, home));
  await until("Redis answers", () => redisAnswers(port));
  return `redis://127.0.0.1:${port}`;
}

/** The command of a Redis without persistence. @param {number} port @param {string} home @returns {[string, string[]]} */
export function redisAt(port, home) {
  return ["redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", home]];
}

/** Sends a command to Redis and returns its output. @param {number} port @param {string[]} command */
export function askRedis(port, ...command) {
  return execFileSync("redis-cli", ["-p", String(port), ...command], { stdio: "pipe" }).toString();
}

/** @param {number} port */
export function redisAnswers(port) {
  try {
    return askRedis(port, "ping") === "PONG\n";
  } catch {
    return false;
  }
}

/**
 * Starts an nginx in front of nodes. Debian's version is too old for the stack's configuration; the parts
 * that matter to Engine.IO are the same here: no buffering, the upgrade headers, and a cookie that keeps a
 * client on its node while that is up.
 *
 * @param {Scope} scope
 * @param {string[]} bases The nodes.
 * @returns {Promise<string>} The proxy's base URL.
 */
export async function startNginx(scope, ...bases) {
  const home = folder(scope);
  const port = await freePort();
  const hosts = bases.map((base) => new URL(base).host);
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  writeFileSync(join(home, "nginx.conf"), `
    daemon off;
    master_process off;
    pid ${home}/pid;
    error_log stderr warn;
    events { worker_connections 4096; }
    http {
      access_log off;
      ${paths.map((path) => `${path}_temp_path ${home}/${path};`).join("\n")}
      map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
      upstream chat { random; ${hosts.map((host) => `server ${host} max_fails=0;`).join(" ")} keepalive 16; }
      ${hosts.map((host, at) => `upstream node${at} { ${backedUp(host, hosts)} keepalive 16; }`).join("\n")}
      map $cookie_chorus_node $backend { default chat; ${hosts.map((_, at) => `node${at} node${at};`).join(" ")} }
      map $upstream_addr $node { ${hosts.map((host, at) => `~${host}$ node${at};`).join(" ")} }
      server {
        listen 127.0.0.1:${port};
        client_max_body_size 2m;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_buffering off;
        proxy_connect_timeout 1s;
        add_header Set-Cookie "chorus_node=$node; Path=/; HttpOnly" always;
        location / { proxy_pass http://$backend; }
      }
    }`);
  const nginx = process.env.NGINX ?? "/usr/sbin/nginx";
  start(scope, nginx, ["-p", home, "-c", join(home, "nginx.conf"), "-e", "stderr"]);
  const url = `http://127.0.0.1:${port}`;
  await until("nginx answers", () => fetch(`${url}/healthz`).then(({ ok }) => ok, () => false));
  return url;
}

/** The servers of a node's upstream: the node, and the others as backup. @param {string} host @param {string[]} hosts */
function backedUp(host, hosts) {
  return hosts.map((one) => `server ${one} max_fails=0${one === host ? "" : " backup"};`).join(" ");
}

/**
 * Waits until a condition holds; throws after the timeout.
 *
 * @param {string} what
 * @param {() => unknown} holds
 * @param {number} [timeoutMs]
 */
export async function until(what, holds, timeoutMs = TIMEOUT_MS) {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (deadline < Date.now()) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await pause(10);
  }
}

/**
 * Opens a Socket.IO client and closes it at the end of the test.
 *
 * @param {Scope} scope
 * @param {string} url Base and namespace.
 * @param {Partial<import("socket.io-client").ManagerOptions & import("socket.io-client").SocketOptions>} [options]
 */
export function connect(scope, url, options) {
  const socket = io(url, { forceNew: true, reconnectionDelay: 50, ...options });
  scope.after(() => {
    // Closes all namespaces of the connection; one that is left open would try to reconnect for ever.
    socket.io.reconnection(false);
    socket.disconnect();
    socket.io.engine.close();
  });
  return socket;
}

/**
 * Waits for the next event of that name and returns its arguments.
 *
 * @param {import("socket.io-client").Socket} socket
 * @param {string} event
 * @returns {Promise<any[]>}
 */
export function next(socket, event, timeoutMs = TIMEOUT_MS) {
  return new Promise((done, failed) => {
    const timer = setTimeout(() => failed(new Error(`no ${event} within ${timeoutMs} ms`)), timeoutMs);
    socket.once(event, (...args) => {
      clearTimeout(timer);
      done(args);
    });
  });
}

/**
 * Posts `count` messages to a room, many at a time.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} base
 * @param {string} room
 * @param {number} count
 * @param {(n: number) => string} [text] The text of message n, from 1.
 */
export async function fill(t, base, room, count, text = (n) => `message ${n}`) {
  const socket = connect(t, `${base}/chat`, { transports: ["websocket"] });
  await next(socket, "session");
  for (let from = 1; from <= count; from += 200) {
    const posts = Array.from({ length: Math.min(200, count - from + 1) }, (_, at) =>
      socket.timeout(TIMEOUT_MS).emitWithAck("post", { room, nonce: `fill-${from + at}`, text: text(from + at) }));
    for (const answer of await Promise.all(posts)) if (!answer.ok) throw new Error(JSON.stringify(answer));
  }
  socket.disconnect();
}

/** The numbers 1, 2, … @param {number} count @param {number} [from] */
export function numbers(count, from = 1) {
  return Array.from({ length: count }, (_, at) => from + at);
}

// @ts-check
/** Controls the stack under test with `docker compose`, and inspects it. */
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const run = promisify(execFile);

/** nginx's published URL. */
export const URL_HTTP = `http://127.0.0.1:${required("HTTP_PORT")}`;
/** Prometheus' URL on this machine. */
export const URL_PROMETHEUS = `http://127.0.0.1:${required("PROMETHEUS_PORT")}`;
/** The services that the tests start; their images are available everywhere. */
export const SERVICES = ["nginx", "chat", "redis", "prometheus"];

/** @param {string} name */
function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these tests with tests/stack/run`);
  return value;
}

/** @param {string[]} args */
export async function docker(...args) {
  return (await run("docker", args, { cwd: ROOT, maxBuffer: 1 << 24 })).stdout.trim();
}

/** @param {string[]} args */
export function compose(...args) {
  return docker("compose", "--progress", "quiet", ...args);
}

/**
 * Runs a command in the repository, such as `make rollout`, and returns its output.
 *
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<string>}
 */
export function command(command, ...args) {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
    child.on("error", failed);
    child.on("close", (code) => (code === 0 ? done(output) : failed(new Error(`${command} ${args}: ${code}\n${output}`))));
  });
}

/** Scales to `count` replicas without recreating those that stay. @param {number} count */
export async function scale(count) {
  await compose("up", "-d", "--no-deps", "--no-recreate", "--no-build", "--wait", "--wait-timeout", "120",
    "--scale", `chat=${count}`, "chat");
  let known = 0;
  await until(`nginx knows ${count} replicas`, async () => (known = (await pins()).length) === count).catch((error) => {
    throw new Error(`${error.message}; it knows ${known}`);
  });
}

/**
 * The running replicas. A node's name starts with its host name, which is the container's short id.
 *
 * @returns {Promise<{ id: string, host: string, image: string, address: string }[]>}
 */
export async function replicas() {
  const ids = (await compose("ps", "--quiet", "chat")).split("\n").filter(Boolean);
  if (ids.length === 0) return [];
  return JSON.parse(await docker("inspect", ...ids)).map((/** @type {any} */ container) => ({
    id: container.Id,
    host: container.Config.Hostname,
    image: container.Image,
    address: /** @type {any} */ (Object.values(container.NetworkSettings.Networks)[0]).IPAddress,
  }));
}

/** The container of a node. @param {string} node */
export async function replicaOf(node) {
  const found = (await replicas()).find(({ host }) => node.startsWith(host));
  if (!found) throw new Error(`no running container for node ${node}`);
  return found;
}

/**
 * The sticky cookie of each replica that nginx knows, which is the MD5 of the replica's address. nginx
 * answers with the same cookie if it knows the replica, and with another one if not.
 *
 * @returns {Promise<string[]>}
 */
export async function pins() {
  const known = [];
  for (const { address } of await replicas()) {
    const cookie = `chorus_node=${createHash("md5").update(`${address}:3000`).digest("hex")}`;
    const response = await fetch(`${URL_HTTP}/api/rooms`, { headers: { cookie } }).catch(() => null);
    await response?.arrayBuffer();
    if (response?.ok && response.headers.getSetCookie().some((each) => each.startsWith(cookie))) known.push(cookie);
  }
  return known;
}

/**
 * Waits until a condition holds; throws after the timeout.
 *
 * @param {string} what
 * @param {() => boolean | Promise<boolean>} holds
 * @param {number} [timeoutMs]
 */
export async function until(what, holds, timeoutMs = 60_000) {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (deadline < Date.now()) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await pause(100);
  }
}

/** @param {number} ms @returns {Promise<void>} */
export function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

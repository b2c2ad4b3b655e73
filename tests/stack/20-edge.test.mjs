// @ts-check
/** What the stack exposes to the public, and what only to its operators. */
import assert from "node:assert/strict";
import { afterEach, before, test } from "node:test";
import { clientsIn, closeAll, newRoom } from "./clients.mjs";
import { compose, docker, replicas, scale, until, URL_HTTP, URL_PROMETHEUS } from "./stack.mjs";

before(() => scale(3));
afterEach(closeAll);

/** @param {string} query */
async function prometheus(query) {
  const response = await fetch(`${URL_PROMETHEUS}/api/v1/${query}`);
  return /** @type {any} */ (await response.json()).data;
}

for (const path of ["/metrics", "/healthz", "/readyz", "/metrics/", "//metrics", "/%6detrics", "/healthz?x=1", "/./readyz"]) {
  test(`${path} is not to be had through nginx`, async () => {
    assert.equal(await statusOf(path), 404);
  });
}

/** The status of a raw path, which fetch would normalise. @param {string} path @returns {Promise<number | undefined>} */
async function statusOf(path) {
  const { request } = await import("node:http");
  return new Promise((done, failed) => {
    request(URL_HTTP, { path }, (response) => done(response.resume().statusCode)).on("error", failed).end();
  });
}

test("nginx answers for itself, and serves the page and the client library, compressed", async () => {
  assert.equal((await fetch(`${URL_HTTP}/nginx-health`)).status, 200);
  const page = await fetch(URL_HTTP);
  assert.equal(page.status, 200);
  assert.match(page.headers.get("content-type") ?? "", /^text\/html/);
  const library = await fetch(`${URL_HTTP}/socket.io/socket.io.js`);
  assert.equal(library.status, 200);
  assert.equal(library.headers.get("content-encoding"), "gzip");
});

test("the sticky cookie is out of scripts' reach and stays on this site", async () => {
  const [cookie] = (await fetch(`${URL_HTTP}/api/rooms`)).headers.getSetCookie();
  assert.match(cookie ?? "", /^chorus_node=[0-9a-f]+;/);
  for (const attribute of [/; *httponly/i, /; *samesite=lax/i, /; *path=\/(;|$)/i]) assert.match(cookie ?? "", attribute);
});

test("only nginx is published beyond this machine", async () => {
  const ids = (await compose("ps", "--quiet")).split("\n");
  const published = JSON.parse(await docker("inspect", ...ids)).flatMap((/** @type {any} */ container) =>
    Object.values(container.NetworkSettings.Ports).flatMap((bindings) => (bindings ?? []).map((/** @type {any} */ binding) => ({
      service: container.Config.Labels["com.docker.compose.service"],
      address: binding.HostIp,
    }))));
  const wide = published.filter((/** @type {any} */ { address }) => address !== "127.0.0.1");
  assert.deepEqual([...new Set(wide.map((/** @type {any} */ { service }) => service))], ["nginx"]);
});

test("every container is limited, without capabilities, on a read-only root", async () => {
  const ids = (await compose("ps", "--quiet")).split("\n");
  for (const { Name, HostConfig, Config } of JSON.parse(await docker("inspect", ...ids))) {
    assert.ok(0 < HostConfig.Memory && 0 < HostConfig.PidsLimit, `${Name}: limits`);
    assert.deepEqual(HostConfig.CapDrop, ["ALL"], Name);
    assert.equal(HostConfig.CapAdd, null, Name);
    assert.ok(HostConfig.ReadonlyRootfs && HostConfig.SecurityOpt.includes("no-new-privileges:true"), Name);
    assert.ok(HostConfig.LogConfig.Config["max-size"], `${Name}: log rotation`);
    assert.ok(Config.User && Config.User !== "root" && Config.User !== "0", `${Name}: runs as ${Config.User}`);
  }
});

test("Prometheus sees every replica, with its metrics", async () => {
  const room = newRoom("metrics");
  const clients = await clientsIn(room, Array(6).fill({ transports: ["websocket"] }));
  await clients[0]?.post("hello");
  const count = (await replicas()).length;
  await until("every replica is up", async () => {
    const { activeTargets } = await prometheus("targets?state=active");
    const chat = activeTargets.filter((/** @type {any} */ { labels }) => labels.job === "chat");
    return chat.length === count && chat.every((/** @type {any} */ { health }) => health === "up");
  });
  await until("their connections are counted", async () => {
    const { result } = await prometheus("query?query=sum%20by%20(instance)%20(chorus_connections)");
    return result.length === count && 6 <= result.reduce((/** @type {number} */ sum, /** @type {any} */ each) => sum + Number(each.value[1]), 0);
  });
  for (const metric of [
    "chorus_messages_accepted_total", "chorus_deliveries_total", "chorus_append_seconds_count",
    "chorus_batch_messages_count", "chorus_bus_up", "chorus_gap_repairs_total", "chorus_sessions_catching_up",
  ]) {
    const { result } = await prometheus(`query?query=${metric}`);
    assert.ok(0 < result.length, `${metric} is there`);
  }
});

// @ts-check
/** The HTTP API, the probes and the client library, status by status. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { connect, fill, next, numbers, startNodes } from "./harness.mjs";

const [base = ""] = await startNodes({ after });

/**
 * @param {string} path
 * @param {{ method?: string, body?: unknown, headers?: Record<string, string> }} [request]
 */
async function ask(path, { method = "GET", body, headers } = {}) {
  const response = await fetch(`${base}${path}`, {
    method,
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
  });
  const text = await response.text();
  /** @type {any} */
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, json, text, headers: response.headers };
}

/** @param {string} [name] @returns {Promise<{ token: string, user: { id: string, name: string } }>} */
async function session(name) {
  const { status, json } = await ask("/api/sessions", { method: "POST", body: name === undefined ? {} : { name } });
  assert.equal(status, 201);
  return json;
}

test("a session is a guest and a token, which sockets take as well", async (t) => {
  const { token, user } = await session("Ada");
  assert.equal(user.name, "Ada");
  const socket = connect(t, `${base}/chat`, { auth: { token } });
  const [{ user: again }] = await next(socket, "session");
  assert.deepEqual(again, user);
  assert.match((await session()).user.name, /^guest-[0-9a-f]{4}$/);
});

test("a message is posted once for its key, and read by all", async (t) => {
  const { token, user } = await session("Ada");
  const socket = connect(t, `${base}/chat`);
  await next(socket, "session");
  await socket.emitWithAck("join", { room: "http" });
  const heard = next(socket, "message");
  const post = (/** @type {string} */ text, key = "key-1") => ask("/api/rooms/http/messages", {
    method: "POST", body: { text }, headers: { authorization: `Bearer ${token}`, ...(key && { "idempotency-key": key }) },
  });
  const first = await post("hello");
  assert.equal(first.status, 201);
  assert.equal(first.json.seq, 1);
  assert.deepEqual((await post("hello")).json, first.json);
  const conflict = await post("other");
  assert.deepEqual([conflict.status, conflict.json.error.code], [409, "nonce_conflict"]);
  for (const seq of [2, 3]) assert.equal((await post("hello", "")).json.seq, seq, "without a key each request stores");
  const message = { room: "http", seq: 1, kind: "text", author: user, text: "hello", at: first.json.at, node: "node-1" };
  assert.deepEqual((await heard)[0], message);

  const read = await ask("/api/rooms/http/messages?limit=1&after=0");
  assert.deepEqual([read.status, read.json.messages, read.json.more], [200, [message], true]);
  assert.match(read.json.epoch, /^[0-9a-f]{32}$/);
  const own = await ask("/api/rooms/http/messages?limit=1&after=0", { headers: { authorization: `Bearer ${token}` } });
  assert.deepEqual(own.json.messages, [{ ...message, nonce: "key-1" }]);
});

test("messages and rooms are read in pages", async (t) => {
  await fill(t, base, "pages", 250);
  /** @param {string} query */
  const seqs = async (query) => {
    const { status, json } = await ask(`/api/rooms/pages/messages?${query}`);
    assert.equal(status, 200);
    return [json.messages.map((/** @type {any} */ { seq }) => seq), json.more];
  };
  assert.deepEqual(await seqs(""), [numbers(200, 51), true]);
  assert.deepEqual(await seqs("limit=1000"), [numbers(200, 51), true]);
  assert.deepEqual(await seqs("limit=0"), [[250], true]);
  assert.deepEqual(await seqs("after=240"), [numbers(10, 241), false]);
  assert.deepEqual(await seqs("after=250"), [[], false]);
  assert.deepEqual(await seqs("before=3"), [[1, 2], false]);
  const { json } = await ask("/api/rooms?after=oz&limit=1");
  const [{ last, ...room }] = json.rooms;
  assert.deepEqual([room, last.seq, json.rooms.length], [{ room: "pages", head: 250 }, 250, 1]);
});

test("messages are found by their words, newest first", async () => {
  const { token } = await session();
  const headers = { authorization: `Bearer ${token}` };
  for (const text of ["An apple a day", "Äpfel und Birnen", "apples, pears"]) {
    assert.equal((await ask("/api/rooms/found/messages", { method: "POST", body: { text }, headers })).status, 201);
  }
  const found = async (/** @type {string} */ query) => {
    const { status, json } = await ask(`/api/rooms/found/search?${query}`);
    assert.equal(status, 200);
    return [json.messages.map((/** @type {any} */ { seq }) => seq), json.more];
  };
  assert.deepEqual(await found("q=apple"), [[3, 1], false]);
  assert.deepEqual(await found("q=apple&limit=1"), [[3], true]);
  assert.deepEqual(await found("q=apple&before=3"), [[1], false]);
  assert.deepEqual(await found(`q=${encodeURIComponent("ÄPF und")}`), [[2], false]);
  assert.deepEqual(await found("q=pear+apple+day"), [[], false]);
  const { status, json } = await ask("/api/rooms/found/search?q=%20");
  assert.deepEqual([status, json.error.code], [400, "bad_query"]);
});

test("each refusal has its status and its code", async () => {
  const { token } = await session();
  const authorization = `Bearer ${token}`;
  const post = { method: "POST", body: { text: "x" }, headers: { authorization } };
  for (const [path, request, status, code] of /** @type {[string, object, number, string][]} */ ([
    ["/api/sessions", { method: "POST" }, 400, "bad_request"],
    ["/api/sessions", { method: "POST", body: "{" }, 400, "bad_request"],
    ["/api/sessions", { method: "POST", body: { name: 7 } }, 400, "bad_request"],
    ["/api/sessions", { method: "POST", body: { name: "" } }, 400, "bad_name"],
    ["/api/rooms?after=a%20b", {}, 400, "bad_room"],
    ["/api/rooms?limit=x", {}, 400, "bad_request"],
    ["/api/rooms/a%20b/messages", {}, 400, "bad_room"],
    ["/api/rooms/a/messages?after=-1", {}, 400, "bad_request"],
    ["/api/rooms/a/messages?after=1&before=2", {}, 400, "bad_request"],
    ["/api/rooms/a/messages", { headers: { authorization: "Bearer x" } }, 401, "bad_token"],
    ["/api/rooms/a/messages", { ...post, headers: {} }, 401, "bad_token"],
    ["/api/rooms/a/messages", { ...post, headers: { authorization: "Basic x" } }, 401, "bad_token"],
    ["/api/rooms/a/messages", { ...post, body: {} }, 400, "bad_request"],
    ["/api/rooms/a/messages", { ...post, body: { text: "" } }, 400, "bad_text"],
    ["/api/rooms/a/messages", { ...post, body: { text: "x".repeat(8_193) } }, 400, "bad_text"],
    ["/api/rooms/a/messages", { ...post, body: { text: "x".repeat(100_000) } }, 413, "too_large"],
    ["/api/rooms/a/messages", { ...post, headers: { authorization, "idempotency-key": "n".repeat(129) } }, 400, "bad_nonce"],
    ["/api/rooms/a%20b/messages", post, 400, "bad_room"],
    ["/api/nothing", {}, 404, "not_found"],
    ["/nothing.html", {}, 404, "not_found"],
  ])) {
    const answer = await ask(path, request);
    const what = `${path} ${JSON.stringify(request).slice(0, 100)}: ${answer.status} ${answer.text}`;
    assert.deepEqual([answer.status, answer.json?.error?.code], [status, code], what);
    assert.equal(typeof answer.json.error.detail, "string");
  }
  for (const [path, method] of [["/api/rooms", "DELETE"], ["/api/sessions", "GET"], ["/", "POST"]]) {
    assert.equal((await ask(path ?? "", { method: method ?? "" })).status, 405, `${method} ${path}`);
  }
});

test("the probes and the metrics answer operators", async () => {
  assert.deepEqual([(await ask("/healthz")).status, (await ask("/healthz")).text], [200, "ok\n"]);
  const ready = await ask("/readyz");
  assert.equal(ready.status, 200);
  assert.deepEqual(ready.json, { status: "ready", node: "node-1", log: { readable: true, writable: true }, bus: { up: true } });
  assert.match((await ask("/metrics")).text, /^chorus_messages_accepted_total /m);
});

test("the client library is where clients of the original load it", async () => {
  for (const name of ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"]) {
    const { status, text, headers } = await ask(`/socket.io/${name}`);
    assert.equal(status, 200, name);
    assert.match(headers.get("content-type") ?? "", /^text\/javascript/);
    assert.equal((await ask(`/socket.io/${name}.map`)).status, 200, `${name}.map`);
    assert.ok(10_000 < text.length);
    const etag = headers.get("etag") ?? "";
    assert.equal((await ask(`/socket.io/${name}`, { headers: { "if-none-match": etag } })).status, 304);
  }
});

// @ts-check
/** Namespace `/chat` with the official client library. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, fill, next, numbers, pause, startNodes, until } from "./harness.mjs";

/** @param {Record<string, string>} [env] @param {import("./harness.mjs").Scope} t */
async function oneNode(t, env) {
  const [base] = await startNodes(t, { env });
  assert.ok(base);
  return base;
}

/** @param {import("./harness.mjs").Scope} t @param {string} base @param {object} [options] */
function chat(t, base, options) {
  return connect(t, `${base}/chat`, { transports: ["websocket"], ...options });
}

/** A connected client and its session. @param {import("./harness.mjs").Scope} t @param {string} base @param {object} [options] */
async function begun(t, base, options) {
  const socket = chat(t, base, options);
  const [session] = await next(socket, "session");
  return { socket, session };
}

test("the session is the first event, and says who one is and what one may do", async (t) => {
  const base = await oneNode(t);
  await fill(t, base, "den", 3);
  const { session: { epoch } } = await begun(t, base);
  const rooms = { den: { epoch, seq: 1 }, empty: { epoch, seq: 0 } };
  const socket = chat(t, base, { auth: { name: "Ada", rooms } });
  /** @type {any[]} */
  const events = [];
  socket.onAny((...event) => events.push(event));
  await until("all came", () => events.length === 2);
  const [[first, session], [second, page]] = events;
  assert.equal(first, "session");
  assert.equal(second, "messages");
  assert.deepEqual(page.map((/** @type {any} */ { seq }) => seq), [2, 3]);
  assert.equal(session.session, socket.id);
  assert.match(session.token, /^v1\./);
  assert.match(session.user.id, /^u[0-9a-f]{24}$/);
  assert.equal(session.user.name, "Ada");
  assert.equal(session.node, "node-1");
  assert.match(session.epoch, /^[0-9a-f]{32}$/);
  assert.deepEqual(session.limits, { maxMessageBytes: 8192, messagesPerSecond: 0, roomsPerSession: 100, requestsInFlight: 256 });
  assert.deepEqual(session.rooms, {
    den: { head: 3, epoch, recovered: true },
    empty: { head: 0, epoch, recovered: true },
  });
});

test("a message goes to all of its room, as the same to each but for the nonce", async (t) => {
  const [one, two] = await startNodes(t, { nodes: 2 });
  assert.ok(one && two);
  const ada = await begun(t, one, { auth: { name: "Ada" } });
  const bob = await begun(t, two, { auth: { name: "Bob" } });
  const eve = await begun(t, one);
  for (const { socket } of [ada, bob]) {
    assert.deepEqual(await socket.emitWithAck("join", { room: "den" }), { ok: { head: 0, epoch: ada.session.epoch, recovered: true } });
  }
  const heard = [next(ada.socket, "message"), next(bob.socket, "message")];
  eve.socket.on("message", () => assert.fail("Eve is not in the room"));
  const before = Date.now();
  const { ok } = await ada.socket.emitWithAck("post", { room: "den", nonce: "n-1", text: "hello" });
  assert.equal(ok.seq, 1);
  assert.ok(before <= ok.at && ok.at <= Date.now());
  const message = { room: "den", seq: 1, kind: "text", author: ada.session.user, text: "hello", at: ok.at, node: "node-1" };
  const [[hers], [his]] = /** @type {any} */ (await Promise.all(heard));
  assert.deepEqual(hers, { ...message, nonce: "n-1" });
  assert.deepEqual(his, message);

  assert.deepEqual(await ada.socket.emitWithAck("post", { room: "den", nonce: "n-1", text: "hello" }), { ok });
  const { error } = await ada.socket.emitWithAck("post", { room: "den", nonce: "n-1", text: "something else" });
  assert.equal(error.code, "nonce_conflict");
  assert.equal(error.retryAfterMs, undefined);
  // Nonces of different authors are independent.
  assert.equal((await bob.socket.emitWithAck("post", { room: "den", nonce: "n-1", text: "mine" })).ok.seq, 2);
});

test("an amendment is a message of its own, and says what it is about", async (t) => {
  const base = await oneNode(t);
  const ada = await begun(t, base, { auth: { name: "Ada", color: 7 } });
  const bob = await begun(t, base);
  assert.equal(ada.session.user.color, 7);
  assert.equal("color" in bob.session.user, false);
  await bob.socket.emitWithAck("join", { room: "den" });
  const heard = /** @type {any[]} */ ([]);
  bob.socket.on("message", (message) => heard.push(message));
  /** @param {object} post */
  const post = (post) => ada.socket.emitWithAck("post", { room: "den", ...post });
  await post({ nonce: "1", text: "hello" });
  await post({ nonce: "2", kind: "edit", of: 1, text: "good day" });
  await post({ nonce: "3", kind: "delete", of: 1 });
  const { ok } = await bob.socket.emitWithAck("post", { room: "den", nonce: "4", kind: "react", of: 1, text: "👍" });
  assert.equal(ok.seq, 4);
  await until("all came", () => heard.length === 4);
  assert.deepEqual(heard.map(({ seq, kind, of, text, author }) => [seq, kind, of, text, author.color]), [
    [1, "text", undefined, "hello", 7], [2, "edit", 1, "good day", 7], [3, "delete", 1, "", 7], [4, "react", 1, "👍", undefined],
  ]);
  const { error } = await bob.socket.emitWithAck("post", { room: "den", nonce: "5", kind: "edit", of: 1, text: "mine" });
  assert.deepEqual([error.code, error.retryAfterMs], ["not_author", undefined]);
  const page = (await bob.socket.emitWithAck("history", { room: "den", before: 2 })).ok;
  assert.deepEqual(page.amendments, heard.slice(1).map((message) => ({ ...message })));
});

test("people are told of each other, and who types", async (t) => {
  const base = await oneNode(t);
  const ada = await begun(t, base, { auth: { name: "Ada", color: 7 } });
  const bob = await begun(t, base, { auth: { name: "Bob" } });
  const changes = /** @type {any[]} */ ([]);
  ada.socket.on("presence", (change) => changes.push(change));
  await ada.socket.emitWithAck("join", { room: "den" });
  await bob.socket.emitWithAck("join", { room: "den" });
  const { user } = ada.session;
  await until("Bob has come", () => changes.some(({ joined }) => joined.some((/** @type {any} */ { id }) => id === bob.session.user.id)));
  assert.ok(changes.every((change) => change.room === "den" && change.left.length === 0));
  assert.equal(changes.at(-1).count, 2);
  const { ok: who } = await bob.socket.emitWithAck("who", { room: "den" });
  assert.deepEqual(who, { members: [user, bob.session.user], count: 2, complete: true });

  const typing = next(bob.socket, "typing");
  assert.deepEqual(await ada.socket.emitWithAck("typing", { room: "den" }), { ok: {} });
  assert.deepEqual(await typing, [{ room: "den", user }]);

  const { ok: nodes } = await ada.socket.emitWithAck("nodes", {});
  assert.deepEqual([nodes.node, nodes.nodes.map((/** @type {any} */ { id }) => id)], ["node-1", ["node-1"]]);
  assert.ok(2 <= nodes.nodes[0].sessions && nodes.nodes[0].since <= Date.now());

  bob.socket.disconnect();
  await until("Bob has left", () => changes.at(-1).left.includes(bob.session.user.id));
  assert.deepEqual(changes.at(-1), { room: "den", joined: [], left: [bob.session.user.id], count: 1 });
});

test("who is renamed speaks under the new name from then on", async (t) => {
  const base = await oneNode(t);
  const { socket, session } = await begun(t, base, { auth: { name: "Ada" } });
  const say = socket.emitWithAck("post", { room: "den", nonce: "1", text: "one" });
  const rename = socket.emitWithAck("rename", { name: "Countess", color: 240 });
  const again = socket.emitWithAck("post", { room: "den", nonce: "2", text: "two" });
  const [, { ok }] = await Promise.all([say, rename, again]);
  assert.deepEqual(ok.user, { id: session.user.id, name: "Countess", color: 240 });
  const { messages } = (await socket.emitWithAck("history", { room: "den" })).ok;
  assert.deepEqual(messages.map((/** @type {any} */ { author }) => author.name), ["Ada", "Countess"]);
  const { session: next } = await begun(t, base, { auth: { token: ok.token } });
  assert.deepEqual(next.user, ok.user);
});

test("a client that acks pages gets all of them; one that never does gets two", async (t) => {
  const base = await oneNode(t);
  await fill(t, base, "den", 1_000);
  const { socket: polite, session: { epoch } } = await begun(t, base);
  /** @type {number[][]} */
  const pages = [];
  polite.on("messages", (page, ack) => {
    pages.push(page.map((/** @type {any} */ { seq }) => seq));
    // Late, because the page after the next waits for this ack.
    setTimeout(ack, 20, pages.length % 2 ? undefined : "any argument");
  });
  await polite.emitWithAck("join", { room: "den", after: { epoch, seq: 0 } });
  await until("it has all", () => pages.flat().length === 1_000);
  assert.deepEqual(pages.flat(), numbers(1_000));
  assert.ok(pages.every(({ length }) => length <= 100));

  const { socket: rude } = await begun(t, base);
  let got = 0;
  rude.on("messages", () => (got += 1));
  await rude.emitWithAck("join", { room: "den", after: { epoch, seq: 0 } });
  // New messages do not overtake the pages.
  rude.on("message", () => assert.fail("it is behind"));
  await polite.emitWithAck("post", { room: "den", nonce: "late", text: "late" });
  await pause(1_000);
  assert.equal(got, 2);
});

test("pages are bounded by their bytes, too", async (t) => {
  const base = await oneNode(t);
  await fill(t, base, "den", 40, () => "x".repeat(8_192));
  const { socket, session: { epoch } } = await begun(t, base);
  /** @type {any[][]} */
  const pages = [];
  socket.on("messages", (page, ack) => {
    pages.push(page);
    ack();
  });
  await socket.emitWithAck("join", { room: "den", after: { epoch, seq: 0 } });
  await until("it has all", () => pages.flat().length === 40);
  for (const page of pages) assert.ok(JSON.stringify(page).length <= 65_536, `${JSON.stringify(page).length} bytes`);
});

test("a client that takes no pages is cut, comes back and goes on", async (t) => {
  const base = await oneNode(t, { CHORUS_LIMITS__STALL_TIMEOUT: "1s" });
  await fill(t, base, "den", 1_000);
  const { session: { epoch } } = await begun(t, base);
  let seq = 0;
  let acking = false;
  const faults = /** @type {string[]} */ ([]);
  const socket = chat(t, base, { auth: (/** @type {any} */ give) => give({ rooms: { den: { epoch, seq } } }) });
  socket.on("messages", (page, ack) => {
    for (const message of page) {
      if (message.seq !== seq + 1) faults.push(`${message.seq} after ${seq}`);
      seq = message.seq;
    }
    if (acking) ack();
  });
  const [reason] = await next(socket, "disconnect");
  // Not "io server disconnect", after which the client would not reconnect.
  assert.equal(reason, "transport close");
  assert.equal(seq, 200);
  acking = true;
  await until("it has all", () => seq === 1_000);
  assert.deepEqual(faults, []);
});

test("a client comes back as who it was, into its rooms, and misses nothing", async (t) => {
  const [one, two] = await startNodes(t, { nodes: 2 });
  assert.ok(one && two);
  const ada = await begun(t, one);
  /** @type {{ token?: string, rooms: Record<string, { epoch: string, seq: number }> }} */
  const auth = { rooms: {} };
  const shown = /** @type {Record<string, number[]>} */ ({ den: [], hall: [] });
  /** @param {any} message */
  const show = ({ room, seq }) => {
    shown[room]?.push(seq);
    auth.rooms[room] = { epoch: ada.session.epoch, seq };
  };
  const bob = chat(t, two, { auth: (/** @type {any} */ give) => give(auth) });
  bob.on("message", show);
  bob.on("messages", (page, ack) => {
    page.forEach(show);
    ack();
  });
  const [first] = await next(bob, "session");
  auth.token = first.token;
  for (const room of ["den", "hall"]) await bob.emitWithAck("join", { room });
  /** @param {string} room @param {number} n */
  const say = (room, n) => ada.socket.emitWithAck("post", { room, nonce: `${room}-${n}`, text: `${n}` });
  for (const n of numbers(3)) await Promise.all([say("den", n), say("hall", n)]);
  await until("Bob has them", () => shown.den?.length === 3 && shown.hall?.length === 3);

  const back = next(bob, "session");
  bob.io.engine.close();
  for (const n of numbers(300, 4)) await say("den", n);
  const [second] = await back;
  assert.equal(second.user.id, first.user.id);
  assert.ok(Object.values(second.rooms).every((/** @type {any} */ { recovered }) => recovered));
  await say("hall", 4);
  await until("Bob has them", () => shown.den?.length === 303 && shown.hall?.length === 4);
  assert.deepEqual(shown, { den: numbers(303), hall: numbers(4) });

  const elsewhere = await begun(t, one, { auth: { token: second.token, name: "Robert" } });
  assert.deepEqual(elsewhere.session.user, { id: first.user.id, name: "Robert" });
});

test("a place that means nothing here is said to be that", async (t) => {
  const base = await oneNode(t);
  await fill(t, base, "den", 300);
  const { session: { epoch } } = await begun(t, base);
  for (const cursor of [{ epoch: "0".repeat(32), seq: 10 }, { epoch, seq: 301 }]) {
    const socket = chat(t, base, { auth: { rooms: { den: cursor } } });
    const seqs = /** @type {number[]} */ ([]);
    // Subscribe before the session event, because the first page may follow immediately.
    socket.on("messages", (page, ack) => {
      seqs.push(...page.map((/** @type {any} */ { seq }) => seq));
      ack();
    });
    const [session] = await next(socket, "session");
    assert.deepEqual(session.rooms.den, { head: 300, epoch, recovered: false });
    await until("the newest came", () => seqs.length === 200);
    assert.deepEqual(seqs, numbers(200, 101));
    const answer = await socket.emitWithAck("join", { room: "den", after: cursor, history: 5 });
    assert.equal(answer.ok.recovered, false);
    await until("five came", () => seqs.length === 205);
    assert.deepEqual(seqs.slice(200), numbers(5, 296));
  }
});

test("history and rooms are read in pages", async (t) => {
  const base = await oneNode(t);
  await fill(t, base, "den", 5);
  await fill(t, base, "hall", 1);
  const { socket } = await begun(t, base);
  /** @param {object} request */
  const history = async (request) => (await socket.emitWithAck("history", { room: "den", ...request })).ok;
  /** @param {any} page */
  const seqs = ({ messages, more }) => [messages.map((/** @type {any} */ { seq }) => seq), more];
  assert.deepEqual(seqs(await history({})), [[1, 2, 3, 4, 5], false]);
  assert.deepEqual(seqs(await history({ limit: 2 })), [[4, 5], true]);
  assert.deepEqual(seqs(await history({ limit: 2, before: 3 })), [[1, 2], false]);
  assert.deepEqual(seqs(await history({ before: 1 })), [[], false]);
  assert.deepEqual(seqs(await history({ room: "nowhere" })), [[], false]);
  const rooms = ["den", "hall"].map((room) => ({ room, head: room === "den" ? 5 : 1 }));
  for (const room of rooms) Object.assign(room, { last: (await history(room)).messages.at(-1) });
  assert.deepEqual(await socket.emitWithAck("rooms", {}), { ok: { rooms } });
  assert.deepEqual(await socket.emitWithAck("rooms", { limit: 1 }), { ok: { rooms: rooms.slice(0, 1) } });
  assert.deepEqual(await socket.emitWithAck("rooms", { after: "den" }), { ok: { rooms: rooms.slice(1) } });
});

test("who leaves a room hears no more of it", async (t) => {
  const base = await oneNode(t);
  const { socket } = await begun(t, base);
  const seqs = /** @type {number[]} */ ([]);
  socket.on("message", ({ seq }) => seqs.push(seq));
  await socket.emitWithAck("join", { room: "den" });
  await socket.emitWithAck("post", { room: "den", nonce: "1", text: "one" });
  assert.deepEqual(await socket.emitWithAck("leave", { room: "den" }), { ok: {} });
  await socket.emitWithAck("post", { room: "den", nonce: "2", text: "two" });
  await pause(100);
  assert.deepEqual(seqs, [1]);
});

test("a client that cannot be let in is told why, and stays away", async (t) => {
  const base = await oneNode(t);
  const cursor = { epoch: "0".repeat(32), seq: 1 };
  for (const [auth, code] of /** @type {[object, string][]} */ ([
    [{ token: "v1.junk.junk" }, "bad_token"],
    [{ token: 7 }, "bad_request"],
    [{ name: "" }, "bad_name"],
    [{ name: "x".repeat(65) }, "bad_name"],
    [{ color: 360 }, "bad_color"],
    [{ rooms: [] }, "bad_request"],
    [{ rooms: { "no such": cursor } }, "bad_room"],
    [{ rooms: { den: { epoch: "x", seq: 1 } } }, "bad_epoch"],
    [{ rooms: Object.fromEntries(numbers(101).map((n) => [`r${n}`, cursor])) }, "too_many_rooms"],
  ])) {
    const socket = chat(t, base, { auth });
    const [error] = await next(socket, "connect_error");
    assert.match(error.message, new RegExp(`^${code}: .`));
    assert.equal(socket.active, false, "it does not try again by itself");
  }
});

test("bad requests are refused with a code, and nothing is stored", async (t) => {
  const base = await oneNode(t);
  const { socket } = await begun(t, base);
  const cursor = { epoch: "0".repeat(32), seq: 1 };
  for (const [event, args, code] of /** @type {[string, unknown[], string][]} */ ([
    ["shout", [{ room: "den" }], "unknown_event"],
    ["join", [], "bad_request"],
    ["join", [{}], "bad_request"],
    ["join", ["den"], "bad_request"],
    ["join", [{ room: "den" }, {}], "bad_request"],
    ["join", [{ room: 7 }], "bad_request"],
    ["join", [{ room: "no such" }], "bad_room"],
    ["join", [{ room: "den", history: -1 }], "bad_request"],
    ["join", [{ room: "den", after: 7 }], "bad_request"],
    ["join", [{ room: "den", after: { ...cursor, epoch: "x" } }], "bad_epoch"],
    ["post", [{ room: "den", nonce: "1" }], "bad_request"],
    ["post", [{ room: "den", text: "x" }], "bad_request"],
    ["post", [{ room: "den", nonce: "", text: "x" }], "bad_nonce"],
    ["post", [{ room: "den", nonce: "n".repeat(129), text: "x" }], "bad_nonce"],
    ["post", [{ room: "den", nonce: "1", text: "" }], "bad_text"],
    ["post", [{ room: "den", nonce: "1", text: "\u0007" }], "bad_text"],
    ["post", [{ room: "den", nonce: "1", text: "é".repeat(4_097) }], "bad_text"],
    ["post", [{ room: "den", nonce: "1", text: Buffer.from("x") }], "bad_request"],
    ["post", [{ room: "den", nonce: "1", kind: "shout", text: "x" }], "bad_kind"],
    ["post", [{ room: "den", nonce: "1", kind: "react", text: "x" }], "bad_kind"],
    ["post", [{ room: "den", nonce: "1", of: 1, text: "x" }], "bad_kind"],
    ["post", [{ room: "den", nonce: "1", kind: "react", of: 1, text: "a b" }], "bad_text"],
    ["post", [{ room: "den", nonce: "1", kind: "react", of: 1, text: "x" }], "no_such_message"],
    ["post", [{ room: "den", nonce: "1", kind: "edit", of: 1 }], "bad_request"],
    ["rename", [{ color: 1 }], "bad_request"],
    ["rename", [{ name: "Ada", color: "red" }], "bad_color"],
    ["history", [{ room: "den", before: -1 }], "bad_request"],
    ["rooms", [{ after: "no such" }], "bad_room"],
    ["typing", [{}], "bad_request"],
    ["typing", [{ room: "no such" }], "bad_room"],
    ["who", [{}], "bad_request"],
    ["nodes", ["all"], "bad_request"],
  ])) {
    const answer = await socket.timeout(5_000).emitWithAck(event, ...args);
    assert.equal(answer.error?.code, code, `${event} ${JSON.stringify(args)}: ${JSON.stringify(answer)}`);
    assert.equal(typeof answer.error.detail, "string");
  }
  // Without an ack there is no answer, and the socket stays usable.
  socket.emit("shout");
  socket.emit("post", { room: "den", nonce: "silent", text: "said without an ack" });
  const { ok } = await socket.emitWithAck("history", { room: "den" });
  assert.deepEqual(ok.messages.map((/** @type {any} */ { text }) => text), ["said without an ack"]);
});

test("who posts too fast is told to wait, and keeps the order", async (t) => {
  const base = await oneNode(t, { CHORUS_LIMITS__MESSAGES_PER_SECOND: "5" });
  const { socket } = await begun(t, base);
  /** @param {number} n */
  const post = (n) => socket.emitWithAck("post", { room: "den", nonce: `n-${n}`, text: `${n}` });
  const answers = await Promise.all(numbers(8).map(post));
  assert.deepEqual(answers.map(({ ok, error }) => ok?.seq ?? error.code), [1, 2, 3, 4, 5, "rate_limited", "retry_first", "retry_first"]);
  const wait = answers[5].error.retryAfterMs;
  assert.ok(0 < wait && wait <= 200, `${wait} ms`);
  await pause(wait);
  assert.equal((await post(8)).error.code, "retry_first");
  assert.equal((await post(6)).ok.seq, 6);
  await pause(200);
  assert.equal((await post(7)).ok.seq, 7);
});

test("who acks no page of one room is cut, though another room goes on", async (t) => {
  const base = await oneNode(t, { CHORUS_LIMITS__STALL_TIMEOUT: "1s" });
  await fill(t, base, "long", 500);
  const lazy = chat(t, base, { reconnection: false });
  await next(lazy, "session");
  lazy.on("messages", () => {});
  const gone = next(lazy, "disconnect");
  const { ok } = await lazy.emitWithAck("join", { room: "live" });
  await lazy.emitWithAck("join", { room: "long", after: { epoch: ok.epoch, seq: 0 } });
  const speaker = chat(t, base);
  await next(speaker, "session");
  const talk = setInterval(() => speaker.emit("post", { room: "live", nonce: String(Math.random()), text: "on and on" }, () => {}), 100);
  t.after(() => clearInterval(talk));
  assert.equal((await gone)[0], "transport close");
});

test("both namespaces share one connection and one lobby", async (t) => {
  const base = await oneNode(t);
  const native = chat(t, base, { forceNew: false, multiplex: true });
  await next(native, "session");
  const tutorial = native.io.socket("/", { auth: { serverOffset: 0 } });
  tutorial.connect();
  await next(tutorial, "connect");
  await native.emitWithAck("join", { room: "lobby" });
  const heard = Promise.all([next(tutorial, "chat message"), next(native, "message")]);
  await native.emitWithAck("post", { room: "lobby", nonce: "1", text: "from the native side" });
  const [atTutorial] = await heard;
  assert.deepEqual(atTutorial, ["from the native side", 1]);
  const answered = next(native, "message");
  tutorial.emit("chat message", "from the tutorial", "offset", () => {});
  const [{ author, nonce }] = await answered;
  assert.deepEqual([author.id, nonce], ["anonymous", undefined]);
  tutorial.disconnect();
  // The other namespace stays connected.
  assert.ok((await native.timeout(5_000).emitWithAck("rooms", {})).ok);
});

test("what a full node refuses is sent again and keeps its order", async (t) => {
  const base = await oneNode(t, { CHORUS_LIMITS__REQUESTS_IN_FLIGHT: "2" });
  const { socket } = await begun(t, base);
  await socket.emitWithAck("join", { room: "den" });
  const texts = /** @type {string[]} */ ([]);
  socket.on("message", ({ text }) => texts.push(text));
  let open = numbers(40);
  const codes = new Set();
  while (0 < open.length) {
    const answers = await Promise.all(open.map((n) =>
      socket.timeout(5_000).emitWithAck("post", { room: "den", nonce: `${n}`, text: `${n}` }).catch(() => ({ error: { code: "silence" } }))));
    for (const { error } of answers) if (error) codes.add(error.code);
    open = open.filter((_, at) => !answers[at].ok);
  }
  await until("all came back", () => texts.length === 40);
  assert.deepEqual(texts, numbers(40).map(String));
  assert.ok(codes.has("overloaded"), `${[...codes]}`);
});

test("a session is in so many rooms and no more", async (t) => {
  const base = await oneNode(t, { CHORUS_LIMITS__ROOMS_PER_SESSION: "2" });
  const { socket } = await begun(t, base);
  for (const room of ["a", "b", "a"]) assert.ok((await socket.emitWithAck("join", { room })).ok);
  assert.equal((await socket.emitWithAck("join", { room: "c" })).error.code, "too_many_rooms");
  await socket.emitWithAck("leave", { room: "a" });
  assert.ok((await socket.emitWithAck("join", { room: "c" })).ok);
});

test("history is bounded by its bytes, too, and read to its beginning over every transport", async (t) => {
  const base = await oneNode(t);
  await fill(t, base, "den", 200, () => "\"".repeat(8_192));
  for (const transports of [["websocket"], ["polling"]]) {
    const { socket } = await begun(t, base, { transports });
    const seqs = /** @type {number[]} */ ([]);
    for (let more = true; more;) {
      const { ok } = await socket.timeout(10_000).emitWithAck("history", { room: "den", before: seqs[0] });
      assert.ok(0 < ok.messages.length && ok.messages.length < 50);
      seqs.unshift(...ok.messages.map((/** @type {any} */ { seq }) => seq));
      ({ more } = ok);
    }
    assert.deepEqual(seqs, numbers(200));
  }
});

// @ts-check
/**
 * Engine.IO v4 and Socket.IO v5, packet by packet: against a node directly and through an nginx, or against
 * the stack at CHORUS_URL. Comments with DEVIATION mark assertions where the node differs from the original
 * server; docs/PROTOCOL.md lists them by name.
 */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { connect, next, numbers, pause, startNginx, startNodes, until } from "./harness.mjs";
import { engineUrl, Polling, SEPARATOR, Socket } from "./engine.mjs";

/** Runs cleanup at the end of the file. */
const scope = { after };
/** After this, a connection that has joined no namespace is closed. */
const CONNECT_TIMEOUT_MS = 45_000;

const bases = await targets();
describe("the engine", { concurrency: bases.length }, () => {
  for (const [name, base] of bases) describe(name, { concurrency: 16, timeout: 120_000 }, () => suite(base));
});

/** @returns {Promise<[string, string][]>} */
async function targets() {
  const given = process.env.CHORUS_URL?.replace(/\/$/, "");
  if (given) return [[`at ${given}`, given]];
  const [base] = await startNodes(scope, {
    env: { CHORUS_SOCKETIO__PING_INTERVAL: "2s", CHORUS_SOCKETIO__PING_TIMEOUT: "1500ms" },
  });
  assert.ok(base);
  return [["directly", base], ["through nginx", await startNginx(scope, base)]];
}

/** @param {string} base */
function suite(base) {
  // ------------------------------------------------------------------ Engine.IO: the handshake

  test("polling: a handshake names the session, the upgrade and the limits", async () => {
    const { status, type, text } = await new Polling(base).request("EIO=4&transport=polling");
    assert.equal(status, 200);
    assert.match(type, /^text\/plain; charset=utf-8$/i);
    assert.equal(text[0], "0");
    const handshake = JSON.parse(text.slice(1));
    assert.deepEqual(Object.keys(handshake).sort(), ["maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"]);
    assert.match(handshake.sid, /^[\w-]{16}$/);
    assert.deepEqual(handshake.upgrades, ["websocket"]);
    assert.equal(handshake.maxPayload, 1_000_000);
    for (const time of [handshake.pingInterval, handshake.pingTimeout]) assert.ok(Number.isInteger(time) && 0 < time);
  });

  test("websocket: a handshake names no upgrade", async () => {
    const { socket, handshake } = await Socket.begin(base);
    assert.deepEqual(Object.keys(handshake).sort(), ["maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"]);
    assert.deepEqual(handshake.upgrades, []);
    socket.close();
  });

  // DEVIATION error-codes-are-strings: the original's are numbers.
  for (const [what, query, method, code] of [
    ["no EIO", "transport=polling", "GET", "5"],
    ["EIO=3", "EIO=3&transport=polling", "GET", "5"],
    ["EIO=abc", "EIO=abc&transport=polling", "GET", "5"],
    ["no transport", "EIO=4", "GET", "0"],
    ["an unknown transport", "EIO=4&transport=abc", "GET", "0"],
    ["an unknown sid", "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA", "GET", "1"],
    ["a POST to an unknown sid", "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA", "POST", "1"],
    ["a sid that is none", "EIO=4&transport=polling&sid=x", "GET", "1"],
    ["a handshake by POST", "EIO=4&transport=polling", "POST", "2"],
    ["a handshake by PUT", "EIO=4&transport=polling", "PUT", "2"],
    ["a handshake by DELETE", "EIO=4&transport=polling", "DELETE", "2"],
  ]) {
    test(`polling: ${what} is a bad request`, async () => {
      const response = await fetch(engineUrl(base, query ?? ""), { method: method ?? "GET" });
      assert.equal(response.status, 400);
      assert.equal(/** @type {any} */ (await response.json()).code, code);
    });
  }

  test("polling: an unknown method on a session is a bad request", async () => {
    const polling = await Polling.open(base);
    assert.equal((await polling.request(polling.query, { method: "PUT", body: "40" })).status, 400);
  });

  for (const query of ["transport=websocket", "EIO=3&transport=websocket", "EIO=abc&transport=websocket", "EIO=4", "EIO=4&transport=abc", "EIO=4&transport=websocket&sid=x"]) {
    test(`websocket: ${query} is a bad request`, async () => {
      await assert.rejects(Socket.open(base, query), { message: "400" });
    });
  }

  test("websocket: a request without an upgrade is a bad request", async () => {
    assert.equal((await fetch(engineUrl(base, "EIO=4&transport=websocket"))).status, 400);
  });

  test("websocket: an unknown sid is closed", async () => {
    // DEVIATION unknown-sid-is-upgraded-first: the original answers 400.
    const socket = await Socket.open(base, "EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAA");
    await socket.end();
    assert.deepEqual(socket.frames, []);
  });

  // ------------------------------------------------------------------ Engine.IO: packets

  test("polling: packets go both ways, alone and several in one body, in order", async () => {
    const polling = await Polling.open(base);
    const posted = await polling.post("40/chat,");
    assert.deepEqual([posted.status, posted.text], [200, "ok"]);
    await polling.packets(/^40\/chat,\{"sid":/);
    const requests = numbers(10).map((id) => `42/chat,${id}["rooms",{}]`);
    assert.equal((await polling.post(requests.join(SEPARATOR))).text, "ok");
    const answers = await polling.packets(/^43/, 10);
    assert.deepEqual(answers.map((packet) => packet.split("[")[0]), numbers(10).map((id) => `43/chat,${id}`));
  });

  test("polling: a poll waits until there is something", async () => {
    const polling = await Polling.open(base);
    const pending = polling.packets(/^40\{"sid":/);
    const before = Date.now();
    await pause(200);
    await polling.post("40");
    await pending;
    assert.ok(200 <= Date.now() - before + 5);
  });

  for (const [what, body] of [["an unknown packet", "abc"], ["binary that nobody expects", "bAQIDBA=="], ["what is no Socket.IO packet", "4abc"]]) {
    test(`polling: ${what} ends the session`, async () => {
      const polling = await Polling.open(base);
      await polling.post(body ?? "");
      await until("the session is unknown", async () => (await polling.poll()).status === 400);
    });
  }

  test("polling: a body over maxPayload is refused and ends the session", async () => {
    const polling = await Polling.open(base);
    assert.equal((await polling.post("4".repeat(1_000_001))).status, 413);
    assert.equal((await polling.poll()).status, 400);
  });

  test("websocket: packets go both ways, in order", async () => {
    const { socket } = await Socket.begin(base);
    socket.send("40/chat,");
    assert.match(await socket.next(), /^40\/chat,\{"sid":/);
    assert.match(await socket.next(), /^42\/chat,\["session",/);
    for (const id of numbers(10)) socket.send(`42/chat,${id}["rooms",{}]`);
    for (const id of numbers(10)) assert.match(await socket.next(), new RegExp(`^43/chat,${id}\\[`));
    socket.close();
  });

  for (const [what, frame] of /** @type {[string, string | Buffer][]} */ ([
    ["an unknown packet", "abc"],
    ["an empty frame", ""],
    ["a handshake from the client", "0"],
    ["an upgrade without a probe", "5"],
    ["a noop", "6"],
    ["binary that nobody expects", Buffer.from([1, 2, 3])],
    ["a frame over the limit", `42["chat message","${"x".repeat(60_000)}"]`],
  ])) {
    test(`websocket: ${what} closes the connection`, async () => {
      const { socket } = await Socket.begin(base);
      socket.send(frame);
      await socket.end();
    });
  }

  // ------------------------------------------------------------------ Engine.IO: heartbeats

  test("websocket: heartbeats come at their interval, the first at once", async () => {
    const { socket, handshake } = await Socket.begin(base);
    // DEVIATION first-ping-at-once: the original waits an interval.
    await until("the first came", () => socket.beats.length === 1, 1_000);
    await until("three came", () => socket.beats.length === 3, handshake.pingInterval * 2.5);
    const [first = 0, second = 0, third = 0] = socket.beats;
    for (const wait of [second - first, third - second]) assert.ok(Math.abs(wait - handshake.pingInterval) < 1_000, `${wait} ms`);
    assert.equal(socket.closed, false);
    socket.close();
  });

  test("websocket: who does not answer a heartbeat is closed", async () => {
    const { socket, handshake } = await Socket.begin(base);
    socket.answers = false;
    await socket.end(handshake.pingInterval + handshake.pingTimeout + 2_000);
  });

  test("polling: who does not answer a heartbeat is forgotten", async () => {
    const polling = await Polling.open(base);
    const { pingInterval, pingTimeout } = polling.handshake;
    assert.equal((await polling.poll()).text, "2");
    await pause(pingTimeout + 500);
    assert.equal((await polling.poll()).status, 400);
    assert.ok(0 < pingInterval);
  });

  test("polling: who answers heartbeats stays", async () => {
    const polling = await Polling.open(base);
    for (const _ of numbers(2)) {
      assert.equal((await polling.poll()).text, "2");
      assert.equal((await polling.post("3")).text, "ok");
    }
  });

  test("websocket: a heartbeat from the client is taken for an answer", async () => {
    // DEVIATION client-ping-is-taken: the original closes the connection.
    const { socket } = await Socket.begin(base);
    socket.send("2");
    socket.send("40/chat,");
    assert.match(await socket.next(), /^40\/chat,/);
    socket.close();
  });

  // ------------------------------------------------------------------ Engine.IO: the end

  test("polling: a close packet ends the session, and the waiting poll", async () => {
    const polling = await Polling.open(base);
    const pending = polling.poll();
    await pause(100);
    assert.equal((await polling.post("1")).text, "ok");
    const { status, text } = await pending;
    assert.deepEqual([status, text], [200, "6"]);
    assert.equal((await polling.poll()).status, 400);
  });

  test("websocket: a close packet closes the connection", async () => {
    const { socket } = await Socket.begin(base);
    socket.send("1");
    await socket.end();
  });

  test("polling: two polls at a time end the session", async () => {
    const polling = await Polling.open(base);
    const first = polling.poll();
    await pause(100);
    assert.equal((await polling.poll()).status, 400);
    // The pending poll is answered with a close packet or nothing.
    const { status, text } = await first;
    assert.equal(status, 200);
    assert.match(text, /^1?$/);
    assert.equal((await polling.poll()).status, 400);
  });

  test("polling: a poll that its client gives up is no end", async () => {
    // DEVIATION cancelled-poll-is-no-end: the original closes the session.
    const polling = await Polling.open(base);
    await assert.rejects(polling.poll(AbortSignal.timeout(100)));
    await pause(200);
    await polling.post("40");
    await polling.packets(/^40\{/);
  });

  // ------------------------------------------------------------------ Engine.IO: the upgrade

  test("polling becomes websocket, and what waits goes over it", async () => {
    const polling = await Polling.open(base);
    const pending = polling.poll();
    await pause(50);
    const socket = await polling.upgrade();
    socket.send("2probe");
    assert.equal(await socket.next(), "3probe");
    assert.equal((await pending).text, "6");
    await polling.post("40/chat,");
    assert.equal((await polling.poll()).text, "6", "polls bring nothing any more");
    socket.send("5");
    assert.match(await socket.next(), /^40\/chat,/);
    assert.match(await socket.next(), /^42\/chat,\["session"/);
    assert.equal((await polling.poll()).status, 400, "no more polls");
    assert.equal((await polling.post("3")).status, 400, "no more posts");
    socket.send('42/chat,1["rooms",{}]');
    assert.match(await socket.next(), /^43\/chat,1\[/);
    socket.close();
  });

  test("a session takes one websocket: a second is closed, and the first goes on", async () => {
    const polling = await Polling.open(base);
    const socket = await polling.upgrade();
    socket.send("2probe");
    assert.equal(await socket.next(), "3probe");
    socket.send("5");
    socket.send("40/chat,");
    assert.match(await socket.next(), /^40\/chat,/);
    assert.match(await socket.next(), /^42\/chat,\["session"/);
    const second = await polling.upgrade();
    await second.end();
    await pause(100);
    for (const id of numbers(100)) {
      socket.send(`42/chat,${id}["rooms",{}]`);
      assert.match(await socket.next(), new RegExp(`^43/chat,${id}\\[`));
    }
    socket.close();
  });

  test("a session that began as a websocket cannot be polled", async () => {
    const { socket, handshake } = await Socket.begin(base);
    const polling = new Polling(base);
    polling.sid = handshake.sid;
    // On another node the session is unknown; on its own node it has another transport.
    assert.equal((await polling.poll()).status, 400);
    assert.equal((await polling.post("3")).status, 400);
    socket.send("40/chat,");
    assert.match(await socket.next(), /^40\/chat,/);
    socket.close();
  });

  for (const [what, probe] of [["that is given up", "2probe"], ["that probes wrongly", "2wrong"]]) {
    test(`an upgrade ${what} ends the session`, async () => {
      // DEVIATION failed-upgrade-is-the-end: the original goes on polling.
      const polling = await Polling.open(base);
      const socket = await polling.upgrade();
      socket.send(probe ?? "");
      if (probe === "2probe") await socket.next();
      socket.close();
      await until("the session is unknown", async () => (await polling.poll()).status === 400);
    });
  }

  // ------------------------------------------------------------------ Socket.IO

  for (const [packet, answer] of /** @type {[string, RegExp][]} */ ([
    ["40", /^40\{"sid":"[\w-]{16}"\}$/],
    ['40{"serverOffset":"x"}', /^40\{"sid":"[\w-]{16}"\}$/],
    ["40/chat,", /^40\/chat,\{"sid":"[\w-]{16}"\}$/],
    ["40/chat", /^40\/chat,\{"sid":"[\w-]{16}"\}$/],
    ['40/chat,{"name":"Ada"}', /^40\/chat,\{"sid":"[\w-]{16}"\}$/],
    ["40/nowhere,", /^44\/nowhere,\{"message":"Invalid namespace"\}$/],
    ['40/chat,{"token":"x"}', /^44\/chat,\{"message":"bad_token: .*"\}$/],
    // DEVIATION malformed-auth-is-absent: the original closes the connection.
    ["40{bad", /^40\{"sid":/],
  ])) {
    test(`CONNECT ${packet} is answered`, async () => {
      const { socket } = await Socket.begin(base);
      socket.send(packet);
      assert.match(await socket.next(), answer);
      socket.close();
    });
  }

  test("the Socket.IO id is that of the connection", async () => {
    // DEVIATION one-sid: the original gives each namespace's socket an id of its own.
    const { socket, handshake } = await Socket.begin(base);
    socket.send("40");
    assert.equal(JSON.parse((await socket.next()).slice(2)).sid, handshake.sid);
    socket.close();
  });

  test("an event with an ack is answered by its id, on both namespaces", async () => {
    const { socket } = await Socket.begin(base);
    socket.send("40/chat,");
    await socket.next();
    await socket.next();
    socket.send('42/chat,456["rooms",{}]');
    assert.match(await socket.next(), /^43\/chat,456\[\{"ok":\{"rooms":\[/);
    socket.send('40{"serverOffset":9007199254740991}');
    assert.match(await socket.next(), /^40\{/);
    await until("what the lobby holds came", () => socket.frames.some((frame) => frame.startsWith('42["notice",')));
    const offset = `engine-${Math.random()}`;
    socket.send(`42789["chat message","an event with an ack","${offset}"]`);
    await until("it is acked", () => socket.frames.includes("43789[]"));
    socket.close();
  });

  for (const [what, packet] of [
    ["an unknown packet type", "4abc"],
    ["an empty packet", "4"],
    ["a packet type that is none", "49"],
    ["a CONNECT_ERROR", "44{}"],
    ["an event that is no JSON", "42{"],
    ["an event that is an object", '42{"a":1}'],
    ["an event that is a text", '42"x"'],
    ["an event without a name", "42[]"],
    ["an event whose name is a number", "42[1]"],
    ["an ack id that is none", '42abc["x"]'],
    ["a binary event without a count", '45-["x"]'],
  ]) {
    test(`${what} closes the connection`, async () => {
      const { socket } = await Socket.begin(base);
      socket.send('40{"serverOffset":9007199254740990}');
      await socket.next();
      socket.send(packet ?? "");
      await socket.end();
    });
  }

  test("an event before its namespace is connected closes the connection", async () => {
    const { socket } = await Socket.begin(base);
    socket.send('42["chat message","too early","1"]');
    await socket.end();
  });

  test("who leaves a namespace gets nothing more of it, and stays connected to the other", async () => {
    const { socket } = await Socket.begin(base);
    socket.send("40/chat,");
    await socket.next();
    await socket.next();
    socket.send('40{"serverOffset":9007199254740990}');
    await until("it is in both", () => socket.frames.some((frame) => frame.startsWith('42["notice",')));
    socket.send("41");
    await pause(200);
    socket.frames.length = 0;
    socket.send('42/chat,1["post",{"room":"lobby","nonce":"1","text":"after the tutorial left"}]');
    assert.match(await socket.next(), /^43\/chat,1\[\{"ok":/);
    await pause(200);
    assert.deepEqual(socket.frames, []);
    // An event for a namespace that was left closes the connection, as in the original.
    socket.send('42["chat message","too late","1"]');
    await socket.end();
  });

  test("binary where text is due is refused to its sender", async () => {
    const { socket } = await Socket.begin(base);
    socket.send("40/chat,");
    await socket.next();
    await socket.next();
    socket.send('451-/chat,7["post",{"room":"den","nonce":"1","text":{"_placeholder":true,"num":0}}]');
    socket.send(Buffer.from("hello"));
    assert.match(await socket.next(), /^43\/chat,7\[\{"error":\{"code":"bad_request",/);
    socket.close();
  });

  test("an ack that nobody asked for is ignored", async () => {
    const { socket } = await Socket.begin(base);
    socket.send("40/chat,");
    await socket.next();
    await socket.next();
    socket.send("43/chat,999[]");
    socket.send('42/chat,1["rooms",{}]');
    assert.match(await socket.next(), /^43\/chat,1\[/);
    socket.close();
  });

  test("who connects to no namespace is closed in time", async () => {
    const { socket } = await Socket.begin(base);
    const before = Date.now();
    await socket.end(CONNECT_TIMEOUT_MS + 5_000);
    assert.ok(CONNECT_TIMEOUT_MS - 2_000 < Date.now() - before);
  });

  // ------------------------------------------------------------------ the official client

  test("the path without its last slash serves clients as well, on every transport", async (t) => {
    const sender = connect(t, `${base}/chat`, { transports: ["websocket"] });
    const [{ epoch }] = await next(sender, "session");
    const room = `slash-${Math.random().toString(36).slice(2)}`;
    /** @type {[string, number[]][]} */
    const shown = [];
    for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
      // Without a cookie, only a websocket stays on one node.
      if (process.env.CHORUS_URL && transports[0] === "polling") continue;
      const auth = { rooms: { [room]: { epoch, seq: 0 } } };
      const socket = connect(t, `${base}/chat`, { transports, auth, addTrailingSlash: false });
      const seqs = /** @type {number[]} */ ([]);
      shown.push([transports.join(), seqs]);
      socket.on("message", ({ seq }) => seqs.push(seq));
      socket.on("messages", (page, ack) => {
        for (const { seq } of page) seqs.push(seq);
        ack();
      });
      await next(socket, "session");
    }
    for (const n of numbers(200)) await sender.emitWithAck("post", { room, nonce: `${n}`, text: `${n}` });
    const counts = () => JSON.stringify(shown.map(([name, { length }]) => [name, length]));
    await until("all have all", () => shown.every(([, { length }]) => 200 <= length), 10_000)
      .catch(() => assert.fail(counts()));
    for (const [, seqs] of shown) assert.deepEqual(seqs, numbers(200));
  });
}

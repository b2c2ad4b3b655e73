// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { ENTRIES_MAX, Outbox } from "../../static/js/protocol/outbox.js";
import { manualClock, memoryOutbox } from "./fakes.js";

/** @typedef {import("../../static/js/protocol/wire.js").Response<import("../../static/js/protocol/wire.js").PostResult>} Response */

/** A window: an outbox, the posts it has sent, and the means to respond. */
function open({ storage = memoryOutbox(), random = () => 0 } = {}) {
  const clock = manualClock();
  /** @type {(import("../../static/js/protocol/wire.js").Post & { onResponse: (response: Response) => void })[]} */
  const sent = [];
  let nonces = 0;
  const outbox = new Outbox(
    {
      send: (post, onResponse) => sent.push({ ...post, onResponse }),
      changed: () => {},
      newNonce: () => `n${(nonces += 1)}`,
    },
    clock,
    storage,
    random,
  );
  outbox.restore(storage.load());
  return {
    clock,
    outbox,
    storage,
    sent,
    posts: () => sent.map(({ onResponse: _, ...post }) => post),
    /** @param {string} texts */
    write(texts, room = "lobby") {
      for (const text of texts.split(" ")) outbox.post(room, text);
    },
    /** The texts sent since the last call, as one line. */
    sends() {
      return sent.splice(0).map(({ text }) => text).join(" ");
    },
    /** The entries shown, as one line. */
    shown: (room = "lobby") => outbox.entries(room).map(({ text, state }) => `${text}:${state}`).join(" "),
    /** The texts that would survive a reload, as one line. */
    persisted: () => storage.load().map(({ text }) => text).join(" "),
  };
}

/** @param {number} seq @returns {Response} */
const ok = (seq) => ({ ok: { seq, at: 0 } });
/** @param {string} code @param {number} [retryAfterMs] @returns {Response} */
const refusal = (code, retryAfterMs) => ({
  error: { code, detail: `because of ${code}`, ...(retryAfterMs !== undefined && { retryAfterMs }) },
});

test("what is written while online is sent at once and shown at once", () => {
  const { outbox, write, shown, sends } = open();
  outbox.online("u1");
  write("a b");
  assert.equal(shown(), "a:sending b:sending");
  assert.equal(sends(), "a b");
});

test("what is written while offline is sent at the next connection, in order", () => {
  const { outbox, write, shown, sends } = open();
  write("a b c");
  assert.equal(shown(), "a:waiting b:waiting c:waiting");
  assert.equal(sends(), "");
  outbox.online("u1");
  assert.equal(sends(), "a b c");
});

test("an acked message stays until it is shown at its place", () => {
  const { outbox, sent, write, shown, persisted } = open();
  outbox.online("u1");
  write("a");
  sent[0]?.onResponse(ok(7));
  assert.equal(shown(), "a:stored");
  assert.equal(persisted(), "");
  outbox.shownUpTo("lobby", 6);
  assert.equal(shown(), "a:stored");
  outbox.shownUpTo("other", 7);
  assert.equal(shown(), "a:stored");
  outbox.shownUpTo("lobby", 7);
  assert.equal(shown(), "");
});

test("a message that comes back before its ack is shown as that, and its ack changes nothing", () => {
  const { outbox, sent, write, shown, persisted } = open();
  outbox.online("u1");
  write("a b");
  outbox.confirm("n1");
  assert.equal(shown(), "b:sending");
  assert.equal(persisted(), "b");
  sent[0]?.onResponse(ok(1));
  assert.equal(shown(), "b:sending");
});

test("a nonce of someone else's confirms nothing", () => {
  const { outbox, write, shown } = open();
  outbox.online("u1");
  write("a");
  outbox.confirm("n9");
  assert.equal(shown(), "a:sending");
});

test("after a reconnect what was not acked is sent again with the same nonces, in order", () => {
  const { outbox, sent, write, sends } = open();
  outbox.online("u1");
  write("a b c d");
  const before = sent.map(({ nonce }) => nonce);
  sent[1]?.onResponse(ok(2));
  sends();
  outbox.offline();
  outbox.online("u1");
  assert.deepEqual(sent.map(({ nonce }) => nonce), before.filter((nonce) => nonce !== "n2"));
  assert.equal(sends(), "a c d");
});

test("a late refusal of an earlier connection changes nothing", () => {
  const { outbox, sent, write, shown, sends } = open();
  outbox.online("u1");
  write("a");
  const [first] = sent;
  sends();
  outbox.offline();
  first?.onResponse(null);
  outbox.online("u1");
  assert.equal(sends(), "a");
  first?.onResponse(refusal("forbidden"));
  assert.equal(shown(), "a:sending");
});

test("a reload sends what was not acked with the same nonces, in order", () => {
  const { outbox, sent, write, storage } = open();
  write("a b c");
  outbox.online("u1");
  sent[0]?.onResponse(ok(1));
  const again = open({ storage });
  assert.equal(again.shown(), "b:waiting c:waiting");
  again.outbox.online("u1");
  assert.deepEqual(again.sent.map(({ nonce, text }) => nonce + text), ["n2b", "n3c"]);
});

/** @type {[code: string, retryAfterMs: number | undefined, waitMs: number][]} */
const RETRYABLE = [
  ["busy", 300, 300],
  ["unavailable", 1_000, 1_000],
  ["unknown", 2_000, 2_000],
  ["rate_limited", 5_000, 5_000],
  ["overloaded", 700, 700],
  ["retry_first", 200, 200],
  ["a code of tomorrow", 400, 400],
  ["busy", undefined, 250],
  ["busy", 86_400_000, 60_000],
];

for (const [code, retryAfterMs, waitMs] of RETRYABLE) {
  test(`${code} (${retryAfterMs ?? "no time"}) is tried again after ${waitMs} ms`, () => {
    const { clock, outbox, sent, write, sends } = open();
    outbox.online("u1");
    write("a");
    sent[0]?.onResponse(refusal(code, retryAfterMs));
    sends();
    clock.advance(waitMs - 1);
    assert.equal(sends(), "");
    clock.advance(1);
    assert.equal(sent[0]?.nonce, "n1");
    assert.equal(sends(), "a");
  });
}

for (const code of ["forbidden", "too_long", "nonce_conflict"]) {
  test(`${code} fails with its reason, and the next message goes on`, () => {
    const { clock, outbox, sent, write, shown } = open();
    outbox.online("u1");
    write("a b");
    sent[0]?.onResponse(refusal(code));
    assert.equal(shown(), "a:failed b:sending");
    assert.equal(outbox.entries("lobby")[0]?.reason, `because of ${code}`);
    assert.equal(clock.pendingTimers(), 0);
    sent[1]?.onResponse(ok(1));
    assert.equal(shown(), "a:failed b:stored");
  });
}

test("after a passing refusal everything behind it is sent again after it, in order", () => {
  const { clock, outbox, sent, write, sends } = open();
  outbox.online("u1");
  write("a b c");
  const [a, b, c] = sent;
  sends();
  a?.onResponse(refusal("busy", 300));
  b?.onResponse(refusal("retry_first", 1));
  write("d");
  clock.advance(300);
  // The node may still store the post in flight: nothing may be sent before it has a response.
  assert.equal(sends(), "");
  c?.onResponse(refusal("retry_first", 1));
  assert.equal(sends(), "a b c d");
});

test("one room's refusal does not hold another room", () => {
  const { outbox, sent, write, sends } = open();
  outbox.online("u1");
  write("a");
  sent[0]?.onResponse(refusal("busy", 300));
  sends();
  write("b", "other");
  assert.equal(sends(), "b");
});

test("no answer in time is asked again", () => {
  const { clock, outbox, sent, write, sends } = open();
  outbox.online("u1");
  write("a");
  sent[0]?.onResponse(null);
  sends();
  clock.advance(500);
  assert.equal(sends(), "a");
});

test("a message shown after a passing refusal is still sent, since the node waits for its nonce", () => {
  const { clock, outbox, sent, write, shown, sends } = open();
  outbox.online("u1");
  write("a b");
  sent[0]?.onResponse(refusal("unknown", 100));
  sent[1]?.onResponse(refusal("retry_first", 100));
  sends();
  outbox.confirm("n1");
  assert.equal(shown(), "b:waiting");
  clock.advance(100);
  sent[0]?.onResponse(ok(1));
  assert.equal(sends(), "a b");
  assert.equal(shown(), "b:sending");
});

test("a reconnect ends the wait after a refusal", () => {
  const { clock, outbox, sent, write, sends } = open();
  outbox.online("u1");
  write("a");
  sent[0]?.onResponse(refusal("busy", 30_000));
  sends();
  outbox.offline();
  assert.equal(clock.pendingTimers(), 0);
  outbox.online("u1");
  assert.equal(sends(), "a");
});

test("without a time the waits grow, and a success ends that", () => {
  const { clock, outbox, sent, write, sends } = open();
  outbox.online("u1");
  write("a");
  for (const waitMs of [250, 500, 1_000]) {
    sent[0]?.onResponse(refusal("busy"));
    sends();
    clock.advance(waitMs - 1);
    assert.equal(sent.length, 0);
    clock.advance(1);
    assert.equal(sent.length, 1);
  }
  sent[0]?.onResponse(ok(1));
  sends();
  write("b");
  sent[0]?.onResponse(refusal("busy"));
  sends();
  clock.advance(250);
  assert.equal(sends(), "b");
});

test("what was sent as someone else is not sent again, but what was never sent is", () => {
  const { outbox, write, shown, sends } = open();
  outbox.online("u1");
  write("a");
  sends();
  outbox.offline();
  write("b");
  outbox.online("u2");
  assert.equal(shown(), "a:failed b:sending");
  assert.equal(sends(), "b");
});

test("a failed message can be sent as a new one, or given up", () => {
  const { outbox, sent, write, shown, persisted } = open();
  outbox.online("u1");
  write("a b");
  for (const { onResponse } of sent.splice(0)) onResponse(refusal("forbidden"));
  outbox.discard("n1");
  outbox.retry("n2");
  assert.equal(shown(), "b:sending");
  assert.equal(sent[0]?.nonce, "n3");
  assert.equal(persisted(), "b");
});

test("what is under way can be neither given up nor sent twice", () => {
  const { outbox, write, shown, sends } = open();
  outbox.online("u1");
  write("a");
  outbox.discard("n1");
  outbox.retry("n1");
  assert.equal(shown(), "a:sending");
  assert.equal(sends(), "a");
});

test("a failed message survives a reload as failed", () => {
  const { outbox, sent, write, storage } = open();
  outbox.online("u1");
  write("a");
  sent[0]?.onResponse(refusal("forbidden"));
  const again = open({ storage });
  again.outbox.online("u1");
  assert.equal(again.shown(), "a:failed");
  assert.equal(again.sends(), "");
});

test("a replaced log's stored messages are forgotten, those not yet stored are not", () => {
  const { outbox, sent, write, shown } = open();
  outbox.online("u1");
  write("a b");
  sent[0]?.onResponse(ok(100));
  outbox.forgetStored();
  assert.equal(shown(), "b:sending");
});

test("only so many are under way, and the next follow in order", () => {
  const { outbox, sent, write, sends } = open();
  write("a b c d e f g h i j");
  outbox.online("u1");
  const [a, b] = sent;
  assert.equal(sends(), "a b c d e f g h");
  a?.onResponse(ok(1));
  b?.onResponse(ok(2));
  assert.equal(sends(), "i j");
});

test("only so many may wait", () => {
  const { outbox } = open();
  for (let n = 0; n < ENTRIES_MAX; n += 1) assert.equal(outbox.post("lobby", "x"), true);
  assert.equal(outbox.post("lobby", "one too many"), false);
});

test("what is shown and acked leaves its place to the next, whichever came first", () => {
  const { outbox, sent } = open();
  outbox.online("u1");
  for (let n = 1; n <= 3 * ENTRIES_MAX; n += 1) {
    assert.equal(outbox.post("lobby", "x"), true, `the ${n}th`);
    const [post] = sent.splice(0);
    if (n % 2 === 0) outbox.confirm(`n${n}`);
    post?.onResponse(ok(n));
    if (n % 2 === 1) outbox.confirm(`n${n}`);
  }
  assert.deepEqual(outbox.entries("lobby"), []);
});

test("what was left behind is taken over behind what was written before, once", () => {
  const { outbox, sent, storage, write, shown } = open();
  outbox.online("u1");
  write("a");
  /** @type {import("../../static/js/protocol/outbox.js").Entry} */
  const left = { room: "lobby", nonce: "other", text: "b", writtenAt: 2_000_000, state: "waiting", userId: "u1" };
  storage.put(left);
  outbox.restore([left]);
  outbox.restore([left]);
  assert.equal(shown(), "a:sending b:sending");
  assert.deepEqual(sent.map(({ nonce }) => nonce), ["n1", "other"]);
});

test("what was left behind by someone else fails with its reason", () => {
  const { outbox, shown, sends } = open();
  outbox.online("u1");
  outbox.restore([{ room: "lobby", nonce: "other", text: "b", writtenAt: 1, state: "waiting", userId: "u2" }]);
  assert.equal(shown(), "b:failed");
  assert.equal(sends(), "");
});

test("what is said about a text names it, again when it is tried again", () => {
  const { outbox, posts, sent } = open();
  outbox.online("u1");
  outbox.post("lobby", "better", { kind: "edit", of: 7 });
  outbox.post("lobby", "", { kind: "delete", of: 8 });
  assert.deepEqual(posts(), [
    { room: "lobby", nonce: "n1", text: "better", kind: "edit", of: 7 },
    { room: "lobby", nonce: "n2", kind: "delete", of: 8 },
  ]);
  sent[0]?.onResponse(refusal("no_such_message"));
  outbox.retry("n1");
  assert.deepEqual(posts().at(-1), { room: "lobby", nonce: "n3", text: "better", kind: "edit", of: 7 });
});

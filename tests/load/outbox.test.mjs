// @ts-check
/** The outbox retries posts until they are answered, in order and with the same nonces. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox, POSTS_MAX } from "../../loadtest/lib/outbox.js";

/** An outbox whose connection and clock the test controls. */
function outbox() {
  /** @type {string[]} */
  const log = [];
  /** @type {((answer: any) => void)[]} */
  const answers = [];
  /** @type {(() => void)[]} */
  const waits = [];
  const box = new Outbox({
    send: (post, answered) => {
      log.push(`send ${post.nonce}`);
      answers.push(answered);
    },
    settled: (post, stored) => log.push(`${stored ? "stored" : "refused"} ${post.nonce} after ${post.tries}`),
    after: (ms, then) => {
      log.push(`wait ${ms}`);
      waits.push(then);
    },
  });
  return { box, answers, waits, takeLog: () => log.splice(0).join(", ") };
}

test("what is written before the connection waits for it", () => {
  const { box, takeLog } = outbox();
  box.post("a", "text", 0);
  assert.equal(takeLog(), "");
  box.online();
  assert.equal(takeLog(), "send a");
});

test("after a refusal that passes all is sent again in order, once everything was answered", () => {
  const { box, answers, waits, takeLog } = outbox();
  box.online();
  for (const nonce of ["a", "b", "c"]) box.post(nonce, "text", 0);
  answers[0]?.({ error: { code: "busy", retryAfterMs: 70 } });
  answers[1]?.({ error: { code: "retry_first", retryAfterMs: 90 } });
  box.post("d", "text", 0);
  waits[0]?.();
  assert.equal(takeLog(), "send a, send b, send c, wait 70, wait 500");
  answers[2]?.({ error: { code: "retry_first", retryAfterMs: 90 } });
  waits[1]?.();
  assert.equal(takeLog(), "send a, send b, send c, send d");
});

test("a new connection sends what is unanswered, and an old one's answers are nothing", () => {
  const { box, answers, takeLog } = outbox();
  box.online();
  box.post("a", "text", 0);
  box.offline();
  answers[0]?.(new Error("no answer"));
  box.online();
  assert.equal(takeLog(), "send a, send a");
  answers[1]?.({ ok: { seq: 1 } });
  assert.equal(takeLog(), "stored a after 2");
  assert.equal(box.size, 0);
});

test("a refusal for good is the end of it", () => {
  const { box, answers, takeLog } = outbox();
  box.online();
  box.post("a", "text", 0);
  answers[0]?.({ error: { code: "bad_text" } });
  assert.equal(takeLog(), "send a, refused a after 1");
});

test("a full outbox takes no more", () => {
  const { box } = outbox();
  for (let n = 0; n < POSTS_MAX; n += 1) assert.ok(box.post(String(n), "text", 0));
  assert.ok(!box.post("more", "text", 0));
});

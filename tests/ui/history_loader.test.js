// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { HistoryLoader } from "../../static/js/app/history_loader.js";
import { JoinedRoom } from "../../static/js/app/joined_room.js";
import { Backoff } from "../../static/js/protocol/backoff.js";
import { BACKGROUND_MAX } from "../../static/js/model/timeline.js";
import { manualClock, fakeConnection, messagesAt } from "./fakes.js";

const ME = { id: "me", name: "Me" };

/**
 * A room that is looked at, online, with the newest 100 of `head` messages in memory, and its log.
 *
 * @param {number} head
 */
function open(head) {
  const clock = manualClock();
  const connection = fakeConnection();
  const view = { follows: true };
  const joined = new JoinedRoom(
    "lobby",
    null,
    {
      join: () => {},
      me: () => ME,
      reads: () => false,
      follows: () => view.follows,
      shown: () => {},
      replaced: () => {},
      read: () => {},
      changed: () => {},
    },
    clock,
  );
  const backoff = new Backoff({ firstMs: 1_000, maxMs: 8_000, random: () => 1 });
  // As the page does: whatever changes, it asks for what it lacks.
  const history = new HistoryLoader(connection, () => wants(), clock, backoff);
  let wants = () => {};
  const say = (/** @type {number[]} */ ...seqs) => joined.room.take(messagesAt(seqs));
  joined.bringForward();
  joined.room.online({ head, epoch: "e", recovered: true });
  say(...range(Math.max(1, head - 99), head));
  return {
    clock,
    connection,
    history,
    /** Has it ask for an end of the history again and again. @param {"older" | "newer"} end */
    want(end) {
      wants = () => history[end](joined);
      wants();
    },
    joined,
    say,
    view,
    asked: () => connection.asked("history"),
    /** Answers the request that waits with what the log has from its `first` on. */
    serve(first = 1) {
      const [{ before = joined.room.shown + 1, limit }] = connection.asked("history");
      const seqs = range(Math.max(first, before - limit), before - 1);
      connection.answer("history", { ok: { messages: messagesAt(seqs), more: first < (seqs[0] ?? first), amendments: [] } });
    },
    refuse: (/** @type {object | null} */ error) => connection.answer("history", error && { error }),
    /** What is in memory; it has no hole. */
    span() {
      const { texts, attached } = joined.timeline;
      const [first, last] = [texts[0]?.seq ?? 1, texts.at(-1)?.seq ?? 0];
      assert.deepEqual(texts.map(({ seq }) => seq), range(first, last));
      return `${first}-${last}${attached ? "" : " detached"}`;
    },
  };
}

/** @param {number} first @param {number} last */
function range(first, last) {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => first + n);
}

test("what is earlier is asked for, page by page", () => {
  const { history, joined, asked, serve, span } = open(250);
  history.older(joined);
  assert.deepEqual(asked(), [{ room: "lobby", limit: 100, before: 151 }]);
  serve();
  history.older(joined);
  serve();
  assert.equal(span(), "1-250");
  history.older(joined);
  assert.deepEqual(asked(), []);
});

test("who looks at another room meanwhile finds no hole on coming back", () => {
  const { history, joined, serve, span } = open(200);
  history.older(joined);
  joined.setAside();
  serve();
  assert.equal(span(), `${200 - BACKGROUND_MAX + 1}-200`);
  joined.bringForward();
  history.older(joined);
  serve();
  assert.equal(span(), "41-200");
});

test("what is cut while a page is on its way is asked for again", () => {
  const { history, joined, say, serve, span } = open(700);
  for (let page = 0; page < 5; page += 1) {
    history.older(joined);
    serve();
  }
  history.older(joined);
  // The reader has gone to the end.
  say(...range(701, 800));
  serve();
  assert.equal(span(), "201-800");
  history.older(joined);
  serve();
  assert.equal(span(), "101-700 detached");
});

test("a catch-up takes nothing away from a reader who is not at the end", () => {
  const { history, joined, say, serve, span, view } = open(550);
  for (let page = 0; page < 5; page += 1) {
    history.older(joined);
    serve();
  }
  view.follows = false;
  say(...range(551, 650));
  assert.equal(span(), "1-550 detached");
  history.newer(joined);
  serve();
  assert.equal(span(), "51-650");
});

test("offline, nothing is asked for", () => {
  const { connection, joined, asked, want } = open(300);
  connection.online = false;
  want("older");
  assert.deepEqual([asked(), joined.loading], [[], null]);
  connection.online = true;
  want("older");
  assert.equal(asked().length, 1);
});

test("what is refused is asked for again after ever longer pauses", () => {
  const { clock, asked, refuse, serve, want } = open(500);
  want("older");
  for (const waitMs of [1_000, 2_000, 4_000]) {
    refuse({ code: "unavailable" });
    clock.advance(waitMs - 1);
    assert.deepEqual(asked(), []);
    clock.advance(1);
    assert.equal(asked().length, 1);
  }
  serve();
  refuse(null);
  clock.advance(1_000);
  assert.equal(asked().length, 1, "after a success, the pauses are short again");
});

test("a node that says how long to wait is heard", () => {
  const { clock, asked, refuse, want } = open(300);
  want("older");
  refuse({ code: "overloaded", retryAfterMs: 4_000 });
  clock.advance(3_999);
  assert.deepEqual(asked(), []);
  clock.advance(1_001);
  assert.equal(asked().length, 1);
});

test("what somebody asks for does not wait for the pause after a failure", () => {
  const { history, joined, asked, refuse } = open(300);
  history.older(joined);
  refuse(null);
  history.around(joined, 20, () => {});
  assert.equal(asked().length, 1);
});

test("where what follows was pruned, reading goes on at the newest", () => {
  const { history, joined, asked, serve, span } = open(900);
  history.around(joined, 250, () => {});
  serve();
  assert.equal(span(), "201-300 detached");
  history.newer(joined);
  serve(851);
  assert.deepEqual(asked(), [{ room: "lobby", limit: 100 }]);
  serve(851);
  assert.equal(span(), "851-900");
});

test("where nothing is left of a room, its end is reached", () => {
  const { history, joined, asked, serve, want } = open(900);
  history.around(joined, 250, () => {});
  serve();
  want("newer");
  serve(901);
  serve(901);
  assert.ok(joined.timeline.attached && joined.timeline.empty);
  assert.deepEqual(asked(), []);
});

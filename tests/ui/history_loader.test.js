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
 * The active room, online, with the newest 100 of `head` messages in memory, and its log.
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
      isRead: () => false,
      follows: () => view.follows,
      shown: () => {},
      replaced: () => {},
      read: () => {},
      changed: () => {},
    },
    clock,
  );
  const backoff = new Backoff({ firstMs: 1_000, maxMs: 8_000, random: () => 1 });
  // Like the page, which loads what it needs after each change.
  let load = () => {};
  const history = new HistoryLoader(connection, () => load(), clock, backoff);
  const say = (/** @type {number[]} */ ...seqs) => joined.room.receive(messagesAt(seqs));
  joined.moveToForeground();
  joined.room.online({ head, epoch: "e", recovered: true });
  say(...range(Math.max(1, head - 99), head));
  return {
    clock,
    connection,
    history,
    /** Has one end of the history loaded after each change. @param {"loadOlder" | "loadNewer"} method */
    keepLoading(method) {
      load = () => history[method](joined);
      load();
    },
    joined,
    say,
    view,
    requested: () => connection.pending("history"),
    /** Responds with the messages that the log has from seq `first` on. */
    serve(first = 1) {
      const [{ before = joined.room.shown + 1, limit }] = connection.pending("history");
      const seqs = range(Math.max(first, before - limit), before - 1);
      connection.respond("history", { ok: { messages: messagesAt(seqs), more: first < (seqs[0] ?? first), amendments: [] } });
    },
    refuse: (/** @type {object | null} */ error) => connection.respond("history", error && { error }),
    /** The range in memory, which has no gap. */
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
  const { history, joined, requested, serve, span } = open(250);
  history.loadOlder(joined);
  assert.deepEqual(requested(), [{ room: "lobby", limit: 100, before: 151 }]);
  serve();
  history.loadOlder(joined);
  serve();
  assert.equal(span(), "1-250");
  history.loadOlder(joined);
  assert.deepEqual(requested(), []);
});

test("who looks at another room meanwhile finds no hole on coming back", () => {
  const { history, joined, serve, span } = open(200);
  history.loadOlder(joined);
  joined.moveToBackground();
  serve();
  assert.equal(span(), `${200 - BACKGROUND_MAX + 1}-200`);
  joined.moveToForeground();
  history.loadOlder(joined);
  serve();
  assert.equal(span(), "41-200");
});

test("what is cut while a page is on its way is asked for again", () => {
  const { history, joined, say, serve, span } = open(700);
  for (let page = 0; page < 5; page += 1) {
    history.loadOlder(joined);
    serve();
  }
  history.loadOlder(joined);
  // The reader has gone to the end.
  say(...range(701, 800));
  serve();
  assert.equal(span(), "201-800");
  history.loadOlder(joined);
  serve();
  assert.equal(span(), "101-700 detached");
});

test("a catch-up takes nothing away from a reader who is not at the end", () => {
  const { history, joined, say, serve, span, view } = open(550);
  for (let page = 0; page < 5; page += 1) {
    history.loadOlder(joined);
    serve();
  }
  view.follows = false;
  say(...range(551, 650));
  assert.equal(span(), "1-550 detached");
  history.loadNewer(joined);
  serve();
  assert.equal(span(), "51-650");
});

test("offline, nothing is asked for", () => {
  const { connection, joined, requested, keepLoading } = open(300);
  connection.online = false;
  keepLoading("loadOlder");
  assert.deepEqual([requested(), joined.loading], [[], null]);
  connection.online = true;
  keepLoading("loadOlder");
  assert.equal(requested().length, 1);
});

test("what is refused is asked for again after ever longer pauses", () => {
  const { clock, requested, refuse, serve, keepLoading } = open(500);
  keepLoading("loadOlder");
  for (const waitMs of [1_000, 2_000, 4_000]) {
    refuse({ code: "unavailable" });
    clock.advance(waitMs - 1);
    assert.deepEqual(requested(), []);
    clock.advance(1);
    assert.equal(requested().length, 1);
  }
  serve();
  refuse(null);
  clock.advance(1_000);
  assert.equal(requested().length, 1, "after a success, the pauses are short again");
});

test("a node that says how long to wait is heard", () => {
  const { clock, requested, refuse, keepLoading } = open(300);
  keepLoading("loadOlder");
  refuse({ code: "overloaded", retryAfterMs: 4_000 });
  clock.advance(3_999);
  assert.deepEqual(requested(), []);
  clock.advance(1_001);
  assert.equal(requested().length, 1);
});

test("what somebody asks for does not wait for the pause after a failure", () => {
  const { history, joined, requested, refuse } = open(300);
  history.loadOlder(joined);
  refuse(null);
  history.loadAround(joined, 20, () => {});
  assert.equal(requested().length, 1);
});

test("where what follows was pruned, reading goes on at the newest", () => {
  const { history, joined, requested, serve, span } = open(900);
  history.loadAround(joined, 250, () => {});
  serve();
  assert.equal(span(), "201-300 detached");
  history.loadNewer(joined);
  serve(851);
  assert.deepEqual(requested(), [{ room: "lobby", limit: 100 }]);
  serve(851);
  assert.equal(span(), "851-900");
});

test("where nothing is left of a room, its end is reached", () => {
  const { history, joined, requested, serve, keepLoading } = open(900);
  history.loadAround(joined, 250, () => {});
  serve();
  keepLoading("loadNewer");
  serve(901);
  serve(901);
  assert.ok(joined.timeline.attached && joined.timeline.empty);
  assert.deepEqual(requested(), []);
});

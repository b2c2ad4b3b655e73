// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { App } from "../../static/js/app/app.js";
import { Emitter } from "../../static/js/protocol/emitter.js";
import { LocalStore } from "../../static/js/storage/local_store.js";
import { manualClock, fakeConnection, memoryOutbox, memoryStorage, messagesAt } from "./fakes.js";

const ME = { id: "me", name: "Me" };

/** The page without its views, in a room `den` that has 300 messages; the reader is at its end. */
function open() {
  const clock = manualClock();
  const connection = fakeConnection();
  const view = { atEnd: true, watched: true, isAtEndOf: () => view.atEnd };
  /** @type {Record<string, (...args: any[]) => void>} */
  const handlers = {};
  /** @type {any} */
  const socket = {
    on: (/** @type {string} */ event, /** @type {() => void} */ handler) => (handlers[event] = handler),
    connect: () => handlers.session?.({ session: "s", token: "t", user: ME, node: "n", epoch: "e" }),
    timeout: () => ({
      /** @param {string} event @param {object} request @param {(error: null, response: any) => void} onResponse */
      emit: (event, request, onResponse) => connection.request(event, request, (response) => onResponse(null, response)),
    }),
  };
  /** @type {string[]} */
  const fetched = [];
  const found = { messages: messagesAt([7], { room: "den" }), more: false };
  const app = new App(
    {
      io: () => socket,
      fetch: /** @type {any} */ (async (/** @type {string} */ path) => (fetched.push(path), { ok: true, json: async () => found })),
      clock,
      store: new LocalStore(memoryStorage()),
      outboxStore: memoryOutbox(),
      newNonce: () => "n1",
      networkUp: () => true,
    },
    view,
    new Emitter(),
    () => {},
    "den",
  );
  const say = (/** @type {number[]} */ ...seqs) => handlers.messages?.(messagesAt(seqs, { room: "den" }));
  app.open();
  connection.respond("join", { ok: { head: 300, epoch: "e", recovered: true } });
  say(...range(201, 300));
  return {
    app,
    clock,
    den: app.rooms.active,
    fetched,
    say,
    view,
    /** Responds to the history request with these seqs. @param {number} first @param {number} last */
    page: (first, last) =>
      connection.respond("history", { ok: { messages: messagesAt(range(first, last), { room: "den" }), more: 1 < first } }),
  };
}

/** @param {number} first @param {number} last */
function range(first, last) {
  return Array.from({ length: last - first + 1 }, (_, n) => first + n);
}

/** Waits until fetched responses are processed. */
const settled = () => new Promise((next) => setImmediate(next));

/** The reader goes to an earlier part of the room, and two messages come. @param {ReturnType<typeof open>} opened */
function readElsewhere({ app, den, page, say, view }) {
  app.history.loadAround(den, 50, () => (view.atEnd = false));
  page(1, 100);
  say(301, 302);
  assert.equal(den.unread, 2);
}

test("who goes to the newest messages has read them once they are here", () => {
  const opened = open();
  const { app, den, page, view } = opened;
  readElsewhere(opened);
  app.history.loadNewest(den);
  view.atEnd = true;
  app.markVisibleRead();
  assert.equal(den.unread, 2, "they are not here yet");
  page(203, 302);
  assert.equal(den.unread, 0);
});

test("who comes back to a room that was left at an earlier part has read it once it is here", () => {
  const opened = open();
  const { app, den, page, view } = opened;
  readElsewhere(opened);
  app.showRoom("lobby");
  view.atEnd = true;
  app.showRoom("den");
  page(203, 302);
  assert.equal(den.unread, 0);
});

test("history that comes to a reader who is not at the end is not the end", () => {
  const opened = open();
  const { app, den, page } = opened;
  readElsewhere(opened);
  app.history.loadNewer(den);
  page(101, 302);
  assert.ok(den.timeline.attached);
  assert.equal(den.unread, 2);
});

test("a search follows into another room: what was found in this one is gone at once", async () => {
  const { app, clock, fetched } = open();
  app.search.update("den", "word");
  clock.advance(1_000);
  await settled();
  assert.equal(app.search.results.length, 1);
  app.showRoom("lobby");
  assert.deepEqual([app.search.results, app.search.words], [[], "word"]);
  clock.advance(1_000);
  await settled();
  assert.equal(app.search.results.length, 1);
  assert.deepEqual(fetched, ["den", "lobby"].map((room) => `/api/rooms/${room}/search?q=word&limit=30`));
});

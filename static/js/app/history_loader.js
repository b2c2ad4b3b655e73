// @ts-check
/**
 * Loads parts of a room's history on demand: before the timeline, after it, or around a seq.
 *
 * `loadOlder` and `loadNewer` are called after each draw; they send a request only while online, and
 * not during the pause after a failure. `loadNewest` and `loadAround` follow a user's action and do
 * not wait for that pause.
 *
 * @typedef {import("./joined_room.js").JoinedRoom} JoinedRoom
 * @typedef {import("../protocol/wire.js").Page} Page
 * @typedef {import("../protocol/wire.js").Response<Page>} Response
 */
import { Backoff } from "../protocol/backoff.js";

/** How many messages are requested at a time. */
const PAGE_SIZE = 100;

export class HistoryLoader {
  #paused = false;
  #cancelPause = () => {};

  /**
   * @param {Pick<import("../protocol/connection.js").Connection, "request" | "online">} connection
   * @param {() => void} changed
   * @param {import("../protocol/clock.js").Clock} clock
   * @param {Backoff} [backoff]
   */
  constructor(connection, changed, clock, backoff = new Backoff({ firstMs: 500, maxMs: 30_000 })) {
    this.connection = connection;
    this.changed = changed;
    this.clock = clock;
    this.backoff = backoff;
  }

  /** @param {JoinedRoom} joined */
  loadOlder(joined) {
    const { timeline } = joined;
    if (this.#paused || !timeline.hasOlder || timeline.empty) return;
    const before = timeline.first;
    this.#load(joined, "older", { before }, (page) => timeline.prepend(page, before));
  }

  /**
   * Loads what follows the timeline. The request names the seq after the wanted page, since history is
   * read backwards; that works because seqs have no gaps.
   *
   * @param {JoinedRoom} joined
   */
  loadNewer(joined) {
    const { timeline } = joined;
    if (this.#paused || timeline.attached) return;
    if (timeline.empty) {
      this.loadNewest(joined);
      return;
    }
    const upTo = Math.min(timeline.last + PAGE_SIZE, joined.room.shown);
    const limit = Math.max(1, upTo - timeline.last);
    this.#load(joined, "newer", { before: upTo + 1, limit }, (page) => {
      const [oldest] = page.messages;
      // Nothing left there: it was pruned.
      if (!oldest) this.loadNewest(joined);
      // The node limits a page's size and omits its oldest messages: request those by themselves.
      else if (timeline.last + 1 < oldest.seq) this.#loadMissing(joined, oldest.seq, page);
      else timeline.extend(page, joined.room.shown);
    });
  }

  /** @param {JoinedRoom} joined */
  loadNewest(joined) {
    joined.cancelLoad();
    this.#load(joined, "newer", {}, (page) => {
      // If everything was pruned, the empty timeline ends at the room's end.
      const head = page.messages.length === 0 ? 0 : joined.room.shown;
      joined.timeline.replace(page, head);
    });
  }

  /**
   * @param {JoinedRoom} joined
   * @param {number} seq
   * @param {() => void} onLoaded Called at once if the seq is in memory.
   */
  loadAround(joined, seq, onLoaded) {
    if (joined.timeline.first <= seq && seq <= joined.timeline.last) {
      onLoaded();
      return;
    }
    joined.cancelLoad();
    const upTo = Math.min(seq + PAGE_SIZE / 2, Math.max(seq, joined.room.shown));
    this.#load(joined, "newer", { before: upTo + 1 }, (page) => {
      joined.timeline.replace(page, joined.room.shown);
      onLoaded();
    });
  }

  /**
   * Loads the messages between the timeline and an incomplete page, then adds both.
   *
   * @param {JoinedRoom} joined
   * @param {number} before
   * @param {Page} rest
   */
  #loadMissing(joined, before, rest) {
    const { timeline } = joined;
    this.#load(joined, "newer", { before, limit: before - timeline.last - 1 }, (page) => {
      const [oldest] = page.messages;
      const combined = { ...page, messages: [...page.messages, ...rest.messages] };
      if (oldest && timeline.last + 1 < oldest.seq) this.#loadMissing(joined, oldest.seq, combined);
      else timeline.extend(combined, joined.room.shown);
    });
  }

  /**
   * @param {JoinedRoom} joined
   * @param {"older" | "newer"} end
   * @param {{ before?: number, limit?: number }} range
   * @param {(page: Page) => void} onPage
   */
  #load(joined, end, range, onPage) {
    if (joined.loading !== null || !this.connection.online) return;
    joined.loading = end;
    const id = (joined.loadId += 1);
    this.changed();
    this.connection.request("history", { room: joined.name, limit: PAGE_SIZE, ...range }, (/** @type {Response} */ response) => {
      // Cancelled, or another load has begun meanwhile.
      if (id !== joined.loadId) return;
      joined.loading = null;
      if (response?.ok) {
        this.backoff.reset();
        onPage(response.ok);
      } else {
        this.#pause(response?.error.retryAfterMs);
      }
      this.changed();
    });
  }

  /** @param {number} [atLeastMs] */
  #pause(atLeastMs) {
    this.#cancelPause();
    this.#paused = true;
    this.#cancelPause = this.clock.after(this.backoff.next(atLeastMs), () => {
      this.#paused = false;
      this.changed();
    });
  }
}

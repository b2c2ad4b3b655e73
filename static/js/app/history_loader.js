// @ts-check
/**
 * Reads parts of a room's history on demand: before what is in memory, after it, or around a place.
 *
 * What is before and after is wanted anew with each drawing, and is asked for only where that may
 * help: not offline, and after a failure not before a pause. What somebody asks for is asked at once.
 *
 * @typedef {import("./joined_room.js").JoinedRoom} JoinedRoom
 * @typedef {import("../protocol/wire.js").Page} Page
 * @typedef {import("../protocol/wire.js").Response<Page>} Answer
 */
import { Backoff } from "../protocol/backoff.js";

/** How many messages are asked for at a time. */
const PAGE = 100;

export class HistoryLoader {
  #paused = false;
  #cancelPause = () => {};

  /**
   * @param {Pick<import("../protocol/connection.js").Connection, "ask" | "online">} connection
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
  older(joined) {
    const { timeline } = joined;
    if (this.#paused || !timeline.more || timeline.empty) return;
    const before = timeline.first;
    this.#load(joined, "older", { before }, (page) => timeline.prepend(page, before));
  }

  /**
   * What follows: a room's places have no holes, so that it is what is before a later one.
   *
   * @param {JoinedRoom} joined
   */
  newer(joined) {
    const { timeline } = joined;
    if (this.#paused || timeline.attached) return;
    if (timeline.empty) {
      this.newest(joined);
      return;
    }
    const upTo = Math.min(timeline.last + PAGE, joined.room.shown);
    const limit = Math.max(1, upTo - timeline.last);
    this.#load(joined, "newer", { before: upTo + 1, limit }, (page) => {
      const [oldest] = page.messages;
      // It was pruned.
      if (!oldest) this.newest(joined);
      // Less than was asked for, cut at its beginning by its size: what is missing is asked for alone.
      else if (timeline.last + 1 < oldest.seq) this.#fill(joined, oldest.seq, page);
      else timeline.extend(page, joined.room.shown);
    });
  }

  /** @param {JoinedRoom} joined */
  newest(joined) {
    joined.forgetLoad();
    this.#load(joined, "newer", {}, (page) => {
      // Where nothing is left of the room, that is its end.
      const head = page.messages.length === 0 ? 0 : joined.room.shown;
      joined.timeline.replace(page, head);
    });
  }

  /**
   * @param {JoinedRoom} joined
   * @param {number} seq
   * @param {() => void} then
   */
  around(joined, seq, then) {
    if (joined.timeline.first <= seq && seq <= joined.timeline.last) {
      then();
      return;
    }
    joined.forgetLoad();
    const upTo = Math.min(seq + PAGE / 2, Math.max(seq, joined.room.shown));
    this.#load(joined, "newer", { before: upTo + 1 }, (page) => {
      joined.timeline.replace(page, joined.room.shown);
      then();
    });
  }

  /**
   * @param {JoinedRoom} joined
   * @param {number} before
   * @param {Page} rest
   */
  #fill(joined, before, rest) {
    const { timeline } = joined;
    this.#load(joined, "newer", { before, limit: before - timeline.last - 1 }, (page) => {
      const [oldest] = page.messages;
      if (oldest && timeline.last + 1 < oldest.seq) {
        this.#fill(joined, oldest.seq, { ...page, messages: [...page.messages, ...rest.messages] });
        return;
      }
      timeline.extend({ ...page, messages: [...page.messages, ...rest.messages] }, joined.room.shown);
    });
  }

  /**
   * @param {JoinedRoom} joined
   * @param {"older" | "newer"} end
   * @param {{ before?: number, limit?: number }} where
   * @param {(page: Page) => void} take
   */
  #load(joined, end, where, take) {
    if (joined.loading !== null || !this.connection.online) return;
    joined.loading = end;
    const load = (joined.loads += 1);
    this.changed();
    this.connection.ask("history", { room: joined.name, limit: PAGE, ...where }, (/** @type {Answer} */ answer) => {
      // Another part was asked for meanwhile.
      if (load !== joined.loads) return;
      joined.loading = null;
      if (answer?.ok) {
        this.backoff.reset();
        take(answer.ok);
      } else {
        this.#pause(answer?.error.retryAfterMs);
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

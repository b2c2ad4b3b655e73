// @ts-check
/**
 * Reads parts of a room's history on demand: before what is in memory, after it, or around a place.
 *
 * @typedef {import("./joined.js").Joined} Joined
 * @typedef {import("../link/wire.js").Page} Page
 * @typedef {import("../link/wire.js").Answer<Page>} Answer
 */

/** How many messages are asked for at a time. */
const PAGE = 100;

export class History {
  /**
   * @param {Pick<import("../link/connection.js").Connection, "ask">} connection
   * @param {(joined: Joined) => void} changed
   */
  constructor(connection, changed) {
    this.connection = connection;
    this.changed = changed;
  }

  /** @param {Joined} joined */
  older(joined) {
    const { timeline } = joined;
    if (!timeline.more || timeline.empty) return;
    const before = timeline.first;
    this.#load(joined, "older", { before }, (page) => timeline.prepend(page, before));
  }

  /**
   * What follows: a room's places have no holes, so that it is what is before a later one.
   *
   * @param {Joined} joined
   */
  newer(joined) {
    const { timeline } = joined;
    if (timeline.attached) return;
    if (timeline.empty) {
      this.newest(joined);
      return;
    }
    const upTo = Math.min(timeline.last + PAGE, joined.room.shown);
    const limit = Math.max(1, upTo - timeline.last);
    this.#load(joined, "newer", { before: upTo + 1, limit }, (page) => {
      // Less than was asked for, cut at its beginning by its size: what is missing is asked for alone.
      const [oldest] = page.messages;
      if (oldest && timeline.last + 1 < oldest.seq) this.#fill(joined, oldest.seq, page);
      else timeline.extend(page, joined.room.shown);
    });
  }

  /** @param {Joined} joined */
  newest(joined) {
    joined.forgetLoad();
    this.#load(joined, "newer", {}, (page) => joined.timeline.replace(page, joined.room.shown));
  }

  /**
   * @param {Joined} joined
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
   * @param {Joined} joined
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
   * @param {Joined} joined
   * @param {"older" | "newer"} end
   * @param {{ before?: number, limit?: number }} where
   * @param {(page: Page) => void} take
   */
  #load(joined, end, where, take) {
    if (joined.loading !== null) return;
    joined.loading = end;
    const load = (joined.loads += 1);
    this.changed(joined);
    this.connection.ask("history", { room: joined.name, limit: PAGE, ...where }, (/** @type {Answer} */ answer) => {
      // Another part was asked for meanwhile.
      if (load !== joined.loads) return;
      joined.loading = null;
      if (answer?.ok) take(answer.ok);
      this.changed(joined);
    });
  }
}

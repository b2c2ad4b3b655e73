// @ts-check
/**
 * The full-text search in a room.
 *
 * @typedef {import("../protocol/wire.js").Message} Message
 */

/** How long typing must pause before the search starts, in milliseconds. */
const DEBOUNCE_MS = 250;
const PAGE_SIZE = 30;

export class Search {
  words = "";
  /** Newest first. @type {Message[]} */
  results = [];
  /** Whether there are older results. */
  more = false;
  /** @type {"idle" | "busy" | "done"} */
  state = "idle";
  /** Why the search failed; empty if it did not. */
  error = "";
  /** Whether the node can search at all. */
  supported = true;
  #room = "";
  /** Identifies the current search, so that responses to earlier ones are ignored. */
  #searchId = 0;
  #cancelDebounce = () => {};

  /**
   * @param {typeof globalThis.fetch} fetch
   * @param {() => void} changed
   * @param {import("../protocol/clock.js").Clock} clock
   */
  constructor(fetch, changed, clock) {
    this.fetch = fetch;
    this.changed = changed;
    this.clock = clock;
  }

  /**
   * Searches a room once typing pauses. Results of another room are cleared at once.
   *
   * @param {string} room
   * @param {string} words
   */
  update(room, words) {
    if (room === this.#room && words.trim() === this.words.trim()) {
      this.words = words;
      return;
    }
    if (room !== this.#room || words.trim() === "") {
      this.results = [];
      this.more = false;
    }
    this.#room = room;
    this.words = words;
    this.#searchId += 1;
    this.#cancelDebounce();
    this.error = "";
    if (words.trim() === "") {
      this.state = "idle";
    } else {
      this.state = "busy";
      this.#cancelDebounce = this.clock.after(DEBOUNCE_MS, () => void this.#run());
    }
    this.changed();
  }

  /** Loads results older than those shown. */
  loadMore() {
    const last = this.results.at(-1);
    if (this.state !== "busy" && last) void this.#run(last.seq);
  }

  /** @param {number} [before] */
  async #run(before) {
    const id = (this.#searchId += 1);
    this.state = "busy";
    this.changed();
    const query = new URLSearchParams({ q: this.words.trim(), limit: String(PAGE_SIZE) });
    if (before !== undefined) query.set("before", String(before));
    const outcome = await this.#request(`/api/rooms/${this.#room}/search?${query}`);
    if (id !== this.#searchId) return;
    this.state = "done";
    this.error = outcome.error ?? "";
    this.results = before === undefined ? outcome.messages : [...this.results, ...outcome.messages];
    this.more = outcome.more;
    this.changed();
  }

  /**
   * @param {string} path
   * @returns {Promise<{ messages: Message[], more: boolean, error?: string }>}
   */
  async #request(path) {
    try {
      const response = await this.fetch(path);
      const body = await response.json();
      if (response.ok) return { messages: body.messages, more: body.more };
      if (response.status === 404) this.supported = false;
      const error = this.supported ? (body.error?.detail ?? `status ${response.status}`) : "This node cannot search.";
      return { messages: [], more: false, error };
    } catch {
      return { messages: [], more: false, error: "The search was not answered. Are you offline?" };
    }
  }
}

// @ts-check
/**
 * Search in a room.
 *
 * @typedef {import("../protocol/wire.js").Message} Message
 */

/** How long the words must stand still before they are asked for, in milliseconds. */
const STILL_MS = 250;
const LIMIT = 30;

export class Search {
  words = "";
  /** Newest first. @type {Message[]} */
  found = [];
  more = false;
  /** @type {"idle" | "busy" | "done"} */
  state = "idle";
  /** What is wrong. */
  trouble = "";
  /** Whether the node can search at all. */
  able = true;
  #room = "";
  /** Tells this search's answers from earlier ones'. */
  #searches = 0;
  #cancelWait = () => {};

  /**
   * @param {typeof fetch} ask
   * @param {() => void} changed
   * @param {import("../protocol/clock.js").Clock} clock
   */
  constructor(ask, changed, clock) {
    this.fetch = ask;
    this.changed = changed;
    this.clock = clock;
  }

  /**
   * Searches in a room, once the words stand still; what was found in another one is gone at once.
   *
   * @param {string} room
   * @param {string} words
   */
  look(room, words) {
    if (room === this.#room && words.trim() === this.words.trim()) {
      this.words = words;
      return;
    }
    if (room !== this.#room || words.trim() === "") {
      this.found = [];
      this.more = false;
    }
    this.#room = room;
    this.words = words;
    this.#searches += 1;
    this.#cancelWait();
    this.trouble = "";
    if (words.trim() === "") {
      this.state = "idle";
    } else {
      this.state = "busy";
      this.#cancelWait = this.clock.after(STILL_MS, () => void this.#ask());
    }
    this.changed();
  }

  /** Asks for what is older than the last that was found. */
  further() {
    const last = this.found.at(-1);
    if (this.state !== "busy" && last) void this.#ask(last.seq);
  }

  /** @param {number} [before] */
  async #ask(before) {
    const search = (this.#searches += 1);
    this.state = "busy";
    this.changed();
    const query = new URLSearchParams({ q: this.words.trim(), limit: String(LIMIT) });
    if (before !== undefined) query.set("before", String(before));
    const outcome = await this.#request(`/api/rooms/${this.#room}/search?${query}`);
    if (search !== this.#searches) return;
    this.state = "done";
    this.trouble = outcome.trouble ?? "";
    this.found = before === undefined ? outcome.messages : [...this.found, ...outcome.messages];
    this.more = outcome.more;
    this.changed();
  }

  /**
   * @param {string} path
   * @returns {Promise<{ messages: Message[], more: boolean, trouble?: string }>}
   */
  async #request(path) {
    try {
      const answer = await this.fetch(path);
      const body = await answer.json();
      if (answer.ok) return { messages: body.messages, more: body.more };
      if (answer.status === 404) this.able = false;
      const trouble = this.able ? (body.error?.detail ?? `status ${answer.status}`) : "This node cannot search.";
      return { messages: [], more: false, trouble };
    } catch {
      return { messages: [], more: false, trouble: "The search was not answered. Are you offline?" };
    }
  }
}

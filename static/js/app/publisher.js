// @ts-check
/**
 * Posts messages and amendments to the active room, through the outbox.
 *
 * @typedef {import("../protocol/wire.js").PostResult} PostResult
 *
 * @typedef {object} PublisherDependencies
 * @property {Pick<import("../protocol/connection.js").Connection, "request">} connection
 * @property {import("./room_list.js").RoomList} rooms
 * @property {import("./member_list.js").MemberList} members
 * @property {import("../model/node_clock.js").NodeClock} nodeClock
 * @property {import("../protocol/clock.js").Clock} clock
 * @property {import("../protocol/outbox.js").OutboxStore} outboxStore
 * @property {() => string} newNonce
 * @property {(...regions: ("sidebar" | "conversation")[]) => void} invalidate
 */
import { ENTRIES_MAX, Outbox } from "../protocol/outbox.js";
import { utf8Length } from "../protocol/wire.js";

const OUTBOX_FULL = `${ENTRIES_MAX} messages are waiting to be sent; no more for now.`;

export class Publisher {
  #bytesMax = Infinity;
  /** When each post in flight was sent, by nonce; bounded by the outbox. @type {Map<string, number>} */
  #sentAt = new Map();

  /** @param {PublisherDependencies} dependencies */
  constructor({ connection, rooms, members, nodeClock, clock, outboxStore, newNonce, invalidate }) {
    this.connection = connection;
    this.rooms = rooms;
    this.members = members;
    this.nodeClock = nodeClock;
    this.clock = clock;
    this.invalidate = invalidate;
    this.outbox = new Outbox(
      {
        send: (post, onResponse) => this.#send(post, onResponse),
        changed: () => invalidate("conversation"),
        newNonce,
      },
      clock,
      outboxStore,
    );
  }

  /** @param {import("../protocol/wire.js").Session} session */
  online({ user, limits }) {
    this.#bytesMax = limits?.maxMessageBytes ?? Infinity;
    this.outbox.online(user.id);
  }

  offline() {
    this.#sentAt.clear();
    this.outbox.offline();
  }

  /**
   * When a post in flight was sent, by this machine's clock.
   *
   * @param {string | undefined} nonce
   */
  sentAt(nonce) {
    return nonce === undefined ? undefined : this.#sentAt.get(nonce);
  }

  /**
   * @param {string} text
   * @returns {string | null} Why it was rejected, which is empty for an empty text; `null` if it was accepted.
   */
  write(text) {
    const { active } = this.rooms;
    const problem = text.trim() === "" ? "" : this.#tooLong(text);
    if (problem !== null) return problem;
    if (!this.outbox.post(active.name, text)) return OUTBOX_FULL;
    active.divider = null;
    active.markRead();
    this.members.typingEnded();
    this.invalidate("conversation", "sidebar");
    return null;
  }

  /**
   * @param {number} seq
   * @param {string} text
   * @returns {string | null} Why it was rejected; `null` if it was accepted.
   */
  edit(seq, text) {
    const { timeline } = this.rooms.active;
    const message = timeline.find(seq);
    if (message && timeline.fold.resolve(message).text === text) return null;
    const problem = text.trim() === "" ? "To take a message back, delete it." : this.#tooLong(text);
    return problem ?? this.#amend("edit", seq, text);
  }

  /** @param {number} seq */
  remove(seq) {
    this.#amend("delete", seq, "");
  }

  /**
   * @param {number} seq
   * @param {string} reaction
   * @param {boolean} on
   */
  react(seq, reaction, on) {
    this.#amend(on ? "react" : "unreact", seq, reaction);
  }

  /**
   * @param {import("../protocol/wire.js").Kind} kind
   * @param {number} target
   * @param {string} text
   */
  #amend(kind, target, text) {
    return this.outbox.post(this.rooms.active.name, text, { kind, of: target }) ? null : OUTBOX_FULL;
  }

  /**
   * @param {import("../protocol/wire.js").Post} post
   * @param {(response: import("../protocol/wire.js").Response<PostResult>) => void} onResponse
   */
  #send(post, onResponse) {
    const sentAt = this.clock.now();
    this.#sentAt.set(post.nonce, sentAt);
    this.connection.request("post", post, (/** @type {import("../protocol/wire.js").Response<PostResult>} */ response) => {
      if (response?.ok) this.nodeClock.sample(response.ok.at, sentAt, this.clock.now());
      onResponse(response);
      this.#sentAt.delete(post.nonce);
      // The message may have arrived before its ack.
      const joined = this.rooms.joined.get(post.room);
      if (joined) this.outbox.shownUpTo(post.room, joined.room.shown);
    });
  }

  /** @param {string} text */
  #tooLong(text) {
    const bytes = utf8Length(text);
    return this.#bytesMax < bytes ? `Too long: ${bytes} bytes of at most ${this.#bytesMax}.` : null;
  }
}

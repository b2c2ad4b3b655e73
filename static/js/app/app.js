// @ts-check
/**
 * The page without its looks: its parts, what they tell each other, and what people can do.
 *
 * @typedef {import("./joined_room.js").JoinedRoom} JoinedRoom
 * @typedef {import("../protocol/connection.js").ConnectionPorts} ConnectionPorts
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {import("../protocol/wire.js").Session} Session
 * @typedef {import("../protocol/wire.js").User} User
 * @typedef {"side" | "head" | "talk" | "drawer" | "banner" | "typing"} Region A part of the page that shows something.
 *
 * @typedef {object} Platform What the browser gives.
 * @property {(namespace: string, options: object) => import("../protocol/connection.js").Socket} io
 * @property {typeof fetch} fetch
 * @property {import("../protocol/clock.js").Clock} clock
 * @property {import("../storage/local_store.js").LocalStore} store
 * @property {import("../protocol/outbox.js").OutboxStore} outboxStore
 * @property {() => string} newNonce
 * @property {() => boolean} network Whether the browser believes in its network.
 *
 * @typedef {object} AppPorts
 * @property {(...regions: Region[]) => void} changed
 * @property {() => boolean} looks Whether somebody looks at the page.
 * @property {() => boolean} atEnd Whether what is in view of the active room, or will be, is its end.
 * @property {(joined: JoinedRoom, messages: readonly Message[]) => void} arrived Others have said something just now.
 */
import { loadIdentity } from "../storage/identity.js";
import { Connection } from "../protocol/connection.js";
import { ENTRIES_MAX, Outbox } from "../protocol/outbox.js";
import { utf8Length, isUnsupported } from "../protocol/wire.js";
import { BannerDebouncer } from "../model/banner_debouncer.js";
import { Deliveries } from "../model/deliveries.js";
import { NodeClock } from "../model/node_clock.js";
import { banner, noticeText } from "../model/status.js";
import { RoomList } from "./room_list.js";
import { Cluster } from "./cluster.js";
import { HistoryLoader } from "./history_loader.js";
import { MemberList } from "./member_list.js";
import { Search } from "./search.js";

export class App {
  /** @type {Session | null} */
  session = null;
  /** What is wrong with this window's storage. */
  warning = "";
  #trouble = "";
  /** Whether what comes was said just now. */
  #live = false;
  /** When what is under way was sent, by its nonce; the outbox bounds it. @type {Map<string, number>} */
  #sentAt = new Map();

  /**
   * @param {Platform} world
   * @param {AppPorts} ports
   * @param {string} room The room to look at.
   */
  constructor(world, ports, room) {
    const { clock, store } = world;
    this.world = world;
    this.ports = ports;
    this.identity = loadIdentity(store);
    this.nodeClock = new NodeClock(clock);
    this.deliveries = new Deliveries();
    this.connection = new Connection(world.io, this.identity, this.#connectionPorts(), clock);
    this.outbox = new Outbox(
      { send: (post, answered) => this.#send(post, answered), changed: () => ports.changed("talk"), newNonce: world.newNonce },
      clock,
      world.outboxStore,
    );
    this.book = new RoomList(this.connection, store, this.#bookPorts(), clock, room);
    this.history = new HistoryLoader(this.connection, () => this.#turned(), clock);
    this.people = new MemberList(this.connection, () => ports.changed("head", "drawer", "typing"), clock);
    this.cluster = new Cluster(this.connection, world.fetch, () => ports.changed("side", "drawer"), clock);
    this.search = new Search(world.fetch, () => ports.changed("head", "drawer"), clock);
    this.calm = new BannerDebouncer(() => ports.changed("banner"), clock);
  }

  open() {
    this.tell();
    this.connection.open();
  }

  /** @returns {User} */
  get me() {
    const { name, color } = this.identity;
    return this.session?.user ?? { id: "", name: name ?? "you", ...(color !== undefined && { color }) };
  }

  /** The time, by the nodes' clocks. */
  get now() {
    return this.nodeClock.now();
  }

  /** Whether a node answers. */
  get online() {
    return this.connection.online;
  }

  // What people do.

  /**
   * @param {string} text
   * @returns {string | null} Why it was not taken, or `null` if it was.
   */
  write(text) {
    const { active } = this.book;
    const problem = text.trim() === "" ? "" : this.#wrongWith(text);
    if (problem !== null) return problem;
    if (!this.outbox.post(active.name, text)) return `${ENTRIES_MAX} messages are waiting to be sent; no more for now.`;
    active.divider = null;
    active.markRead();
    this.people.told();
    this.ports.changed("talk", "side");
    return null;
  }

  /**
   * @param {number} seq
   * @param {string} text
   * @returns {string | null} Why it was not taken, or `null` if it was.
   */
  edit(seq, text) {
    const { active } = this.book;
    const message = active.timeline.at(seq);
    if (message && active.timeline.fold.of(message).text === text) return null;
    const problem = text.trim() === "" ? "To take a message back, delete it." : this.#wrongWith(text);
    return problem ?? this.#amend("edit", seq, text);
  }

  /** @param {number} seq */
  remove(seq) {
    this.#amend("delete", seq, "");
  }

  /**
   * @param {number} seq
   * @param {string} text
   * @param {boolean} on
   */
  react(seq, text, on) {
    this.#amend(on ? "react" : "unreact", seq, text);
  }

  /** @param {string} room */
  look(room) {
    this.book.look(room, this.online);
    if (this.online) this.people.look(room);
    const { active } = this.book;
    this.search.look(active.name, this.search.words);
    if (active.timeline.empty) this.history.newer(active);
    // What is at its end is in view as soon as it is drawn.
    if (active.timeline.attached && this.ports.looks()) active.markRead();
    this.ports.changed("side", "head", "talk", "drawer", "typing");
    this.tell();
  }

  /** @param {string} room */
  leave(room) {
    this.book.leave(room, this.online);
    this.look(this.book.active.name);
  }

  /**
   * @param {string} name
   * @param {number} color
   * @returns {Promise<string | null>} Why it was not done, or `null` if it was.
   */
  async rename(name, color) {
    if (!this.online) {
      // Told at the next connect.
      Object.assign(this.identity, { name, color });
      this.#became({ ...this.me, name, color });
      return null;
    }
    const answer = await this.#askRename(name, color);
    if (answer?.error && !isUnsupported(answer.error)) return answer.error.detail ?? answer.error.code;
    if (!answer) return "The node did not answer. Try again.";
    Object.assign(this.identity, { name, color });
    if (answer.ok) {
      this.identity.token = answer.ok.token;
      this.#became(answer.ok.user);
    } else {
      // A node that knows no other way takes the name at connect.
      this.connection.reopen();
    }
    return null;
  }

  /** Another window was given another name or colour. */
  renamedElsewhere() {
    const { name, color } = this.me;
    this.identity.reread();
    const next = { name: this.identity.name ?? name, color: this.identity.color ?? color };
    if (next.name === name && next.color === color) return;
    this.#became({ ...this.me, ...next });
    if (this.online) void this.#askRename(next.name, next.color);
  }

  /** Somebody looks at the page, and at what is new in it. */
  looked() {
    const { active } = this.book;
    if (this.ports.looks() && this.ports.atEnd() && active.timeline.attached && 0 < active.unread) {
      active.markRead();
      this.ports.changed("side", "head", "talk");
    }
  }

  /** Tells what the connection is like. */
  tell() {
    const { active } = this.book;
    const { retryAt } = this.connection;
    this.calm.say(
      banner({
        online: this.online,
        wasOnline: this.session !== null,
        network: this.world.network(),
        trouble: this.#trouble,
        retryInMs: retryAt === null ? null : retryAt - this.world.clock.now(),
        room: active.room.state,
        missed: active.room.missing,
        refusal: active.refusal,
      }),
    );
  }

  /** @param {string} reason */
  notKept(reason) {
    this.warning = `What is not yet sent is kept in this window only, since ${reason}.`;
    this.ports.changed("banner");
  }

  // What the parts tell each other.

  /** @returns {ConnectionPorts} */
  #connectionPorts() {
    return {
      rooms: () => this.book.places(),
      online: (session) => this.#begin(session),
      offline: (trouble) => this.#end(trouble),
      messages: (messages, live) => {
        this.#live = live;
        try {
          this.book.take(messages);
        } finally {
          this.#live = false;
        }
      },
      notice: (notice) => {
        const about = this.book.joined.get(notice.room ?? "") ?? this.book.active;
        about.timeline.note(noticeText(notice));
        this.ports.changed("talk");
      },
      presence: (presence) => this.people.presence(presence),
      typing: (typing) => this.people.typing(typing),
    };
  }

  /** @returns {import("./room_list.js").RoomListPorts} */
  #bookPorts() {
    const isActive = (/** @type {JoinedRoom} */ joined) => joined === this.book?.active;
    return {
      me: () => this.me,
      reads: (joined) => isActive(joined) && joined.timeline.attached && this.ports.atEnd() && this.ports.looks(),
      follows: (joined) => !isActive(joined) || this.ports.atEnd(),
      shown: (joined, messages) => this.#shown(joined, messages),
      replaced: () => this.outbox.forgetStored(),
      changed: (joined) => {
        // While the book is being made, there is nothing to show yet.
        if (!this.book) return;
        this.outbox.shown(joined.name, joined.room.shown);
        this.ports.changed("side", "head", ...(isActive(joined) ? [/** @type {Region} */ ("talk")] : []));
        this.tell();
      },
    };
  }

  /** Another part of the history is here, or on its way; what was counted as unread may be in it. */
  #turned() {
    this.ports.changed("talk");
    this.looked();
  }

  /** @param {Session} session */
  #begin(session) {
    const places = this.book.places();
    const heads = Object.entries(session.rooms ?? {});
    const missed = heads.reduce((sum, [room, { head }]) => sum + Math.max(0, head - (places[room]?.seq ?? head)), 0);
    this.session = session;
    this.#trouble = "";
    this.nodeClock.forget();
    this.calm.missed(missed);
    this.book.online(session);
    this.outbox.online(session.user.id);
    this.people.look(this.book.active.name);
    this.cluster.online(session.node);
    this.ports.changed("side", "head", "talk", "drawer");
    this.tell();
  }

  /** @param {string} trouble */
  #end(trouble) {
    this.#trouble = trouble;
    this.#sentAt.clear();
    this.book.offline();
    this.outbox.offline();
    this.cluster.offline();
    this.tell();
  }

  /**
   * @param {JoinedRoom} joined
   * @param {readonly Message[]} messages
   */
  #shown(joined, messages) {
    for (const message of messages) {
      const { nonce, author } = message;
      if (this.#live) this.#delivered(message);
      if (nonce !== undefined) this.outbox.confirm(nonce);
      if (joined === this.book.active) this.people.said(author.id);
    }
    const others = messages.filter(({ kind, author }) => kind === "text" && author.id !== this.me.id);
    if (this.#live && 0 < others.length) this.ports.arrived(joined, others);
    this.ports.changed("talk", "side", "head");
  }

  /** @param {Message} message */
  #delivered(message) {
    const sentAt = message.nonce === undefined ? undefined : this.#sentAt.get(message.nonce);
    const own = message.author.id === this.me.id;
    this.deliveries.saw(message, {
      node: this.cluster.node,
      own,
      now: this.now,
      ...(sentAt !== undefined && { sentAt: sentAt + this.nodeClock.offset }),
    });
    this.ports.changed("drawer");
  }

  /**
   * @param {import("../protocol/wire.js").Post} post
   * @param {(answer: import("../protocol/wire.js").Response<import("../protocol/wire.js").PostResult>) => void} answered
   */
  #send(post, answered) {
    const { clock } = this.world;
    const sentAt = clock.now();
    this.#sentAt.set(post.nonce, sentAt);
    this.connection.ask("post", post, (/** @type {import("../protocol/wire.js").Response<import("../protocol/wire.js").PostResult>} */ answer) => {
      if (answer?.ok) this.nodeClock.learn(answer.ok.at, sentAt, clock.now());
      answered(answer);
      this.#sentAt.delete(post.nonce);
      // The message may have been here before its ack.
      const joined = this.book.joined.get(post.room);
      if (joined) this.outbox.shown(post.room, joined.room.shown);
    });
  }

  /**
   * @param {import("../protocol/wire.js").Kind} kind
   * @param {number} of
   * @param {string} text
   */
  #amend(kind, of, text) {
    const taken = this.outbox.post(this.book.active.name, text, { kind, of });
    return taken ? null : `${ENTRIES_MAX} messages are waiting to be sent; no more for now.`;
  }

  /** @param {string} text */
  #wrongWith(text) {
    const bytesMax = this.session?.limits?.maxMessageBytes ?? Infinity;
    const bytes = utf8Length(text);
    return bytesMax < bytes ? `Too long: ${bytes} bytes of at most ${bytesMax}.` : null;
  }

  /**
   * @param {string} name
   * @param {number | undefined} color
   * @returns {Promise<import("../protocol/wire.js").Response<{ token: string, user: User }>>}
   */
  #askRename(name, color) {
    return new Promise((answered) => this.connection.ask("rename", { name, ...(color !== undefined && { color }) }, answered));
  }

  /** @param {User} user */
  #became(user) {
    if (this.session) this.session = { ...this.session, user };
    this.ports.changed("side", "talk", "drawer");
  }
}

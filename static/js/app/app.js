// @ts-check
/**
 * The page without its views: makes the parts, passes events between them, and keeps the banner.
 *
 * @typedef {import("./joined_room.js").JoinedRoom} JoinedRoom
 * @typedef {import("../protocol/wire.js").Message} Message
 * @typedef {import("../protocol/wire.js").Session} Session
 * @typedef {"sidebar" | "header" | "conversation" | "drawer" | "banner" | "typing"} Region A part of the page that is drawn by itself.
 *
 * @typedef {object} Platform What the browser provides.
 * @property {(namespace: string, options: object) => import("../protocol/connection.js").Socket} io
 * @property {typeof fetch} fetch
 * @property {import("../protocol/clock.js").Clock} clock
 * @property {import("../storage/local_store.js").LocalStore} store
 * @property {import("../protocol/outbox.js").OutboxStore} outboxStore
 * @property {() => string} newNonce
 * @property {() => boolean} networkUp What the browser reports about its network.
 *
 * @typedef {object} PageEvents
 * @property {[room: JoinedRoom, messages: readonly Message[]]} arrived Other users posted texts just now.
 * @property {[reason: string]} storageFailed The outbox cannot be stored.
 *
 * @typedef {import("../protocol/connection.js").ConnectionEvents & import("./room_list.js").RoomListEvents & PageEvents} AppEvents
 */
import { Connection } from "../protocol/connection.js";
import { BannerDebouncer } from "../model/banner_debouncer.js";
import { Deliveries } from "../model/deliveries.js";
import { NodeClock } from "../model/node_clock.js";
import { bannerFor, noticeText } from "../model/status.js";
import { loadIdentity } from "../storage/identity.js";
import { Cluster } from "./cluster.js";
import { HistoryLoader } from "./history_loader.js";
import { MemberList } from "./member_list.js";
import { Profile } from "./profile.js";
import { Publisher } from "./publisher.js";
import { RoomList } from "./room_list.js";
import { Search } from "./search.js";

export class App {
  /** What is wrong with this window's storage; empty if nothing is. */
  warning = "";
  #wasOnline = false;
  /** Why the node refused the last connection; empty if it did not. */
  #refusedBecause = "";
  /** Whether the messages being processed were posted just now, rather than read from history. */
  #live = false;

  /**
   * Each part gets only what exists already, and none calls back before the handlers at the end.
   *
   * @param {Platform} platform
   * @param {import("./room_list.js").Viewport} viewport
   * @param {import("../protocol/emitter.js").Emitter<AppEvents>} events
   * @param {(...regions: Region[]) => void} invalidate Has regions of the page drawn again.
   * @param {string} room The room to show first.
   */
  constructor(platform, viewport, events, invalidate, room) {
    const { clock, store, outboxStore, newNonce } = platform;
    const identity = loadIdentity(store);
    this.platform = platform;
    this.viewport = viewport;
    this.events = events;
    this.invalidate = invalidate;
    this.nodeClock = new NodeClock(clock);
    this.deliveries = new Deliveries();
    this.banner = new BannerDebouncer(() => invalidate("banner"), clock);
    const connection = (this.connection = new Connection(platform.io, identity, events, clock));
    const profile = (this.profile = new Profile(identity, connection, () => invalidate("sidebar", "conversation", "drawer")));
    const rooms = (this.rooms = new RoomList({ connection, store, clock, viewport, events, me: () => profile.me }, room));
    const members = (this.members = new MemberList(connection, () => invalidate("header", "drawer", "typing"), clock));
    this.publisher = new Publisher({ connection, rooms, members, nodeClock: this.nodeClock, clock, outboxStore, newNonce, invalidate });
    this.history = new HistoryLoader(connection, () => this.#onHistoryChanged(), clock);
    this.cluster = new Cluster(connection, platform.fetch, () => invalidate("sidebar", "drawer"), clock);
    this.search = new Search(platform.fetch, () => invalidate("header", "drawer"), clock);
    this.#listen();
  }

  open() {
    this.updateBanner();
    this.connection.open(() => this.rooms.positions());
  }

  get me() {
    return this.profile.me;
  }

  /** The current time by the nodes' clock. */
  get now() {
    return this.nodeClock.now();
  }

  /** Whether a node has given us a session. */
  get online() {
    return this.connection.online;
  }

  /**
   * Makes a room the active one, and joins it first if necessary.
   *
   * @param {string} name
   */
  showRoom(name) {
    this.rooms.activate(name);
    if (this.online) this.members.watch(name);
    const { active } = this.rooms;
    this.search.update(active.name, this.search.words);
    if (active.timeline.empty) this.history.loadNewer(active);
    // A room that ends at its newest message is opened there.
    if (active.timeline.attached && this.viewport.watched) active.markRead();
    this.invalidate("sidebar", "header", "conversation", "drawer", "typing");
    this.updateBanner();
  }

  /** @param {string} name */
  leaveRoom(name) {
    this.rooms.leave(name);
    this.showRoom(this.rooms.active.name);
  }

  /** Marks the active room as read if the reader has its end in view. */
  markVisibleRead() {
    const { active } = this.rooms;
    if (!this.viewport.watched || !this.viewport.isAtEndOf(active)) return;
    if (!active.timeline.attached || active.unread === 0) return;
    active.markRead();
    this.invalidate("sidebar", "header", "conversation");
  }

  /** Brings the banner up to date; called each second as well, for its countdown. */
  updateBanner() {
    const { active } = this.rooms;
    const { retryAt } = this.connection;
    this.banner.update(
      bannerFor({
        online: this.online,
        wasOnline: this.#wasOnline,
        networkUp: this.platform.networkUp(),
        refusedBecause: this.#refusedBecause,
        retryInMs: retryAt === null ? null : retryAt - this.platform.clock.now(),
        room: active.room.state,
        missing: active.room.missing,
        roomRefusal: active.refusal,
      }),
    );
  }

  dismissWarning() {
    this.warning = "";
    this.invalidate("banner");
  }

  #listen() {
    this.events.on({
      online: (session) => this.#onOnline(session),
      offline: (reason) => this.#onOffline(reason),
      messages: (messages, live) => this.#onMessages(messages, live),
      notice: (notice) => this.#onNotice(notice),
      presence: (update) => this.members.applyPresence(update),
      typing: (typing) => this.members.applyTyping(typing),
      roomChanged: (room) => this.#onRoomChanged(room),
      messagesShown: (room, messages) => this.#onShown(room, messages),
      logReplaced: () => this.publisher.outbox.forgetStored(),
      storageFailed: (reason) => this.#onStorageFailed(reason),
    });
  }

  /** @param {Session} session */
  #onOnline(session) {
    const positions = this.rooms.positions();
    const heads = Object.entries(session.rooms ?? {});
    const missed = heads.reduce((sum, [room, { head }]) => sum + Math.max(0, head - (positions[room]?.seq ?? head)), 0);
    this.#wasOnline = true;
    this.#refusedBecause = "";
    this.nodeClock.reset();
    this.banner.reconnected(missed);
    this.profile.online(session.user);
    this.rooms.online(session);
    this.publisher.online(session);
    this.members.watch(this.rooms.active.name);
    this.cluster.online(session.node);
    this.invalidate("sidebar", "header", "conversation", "drawer");
    this.updateBanner();
  }

  /** @param {string} reason */
  #onOffline(reason) {
    this.#refusedBecause = reason;
    this.rooms.offline();
    this.publisher.offline();
    this.cluster.offline();
    this.updateBanner();
  }

  /**
   * @param {readonly Message[]} messages
   * @param {boolean} live
   */
  #onMessages(messages, live) {
    this.#live = live;
    try {
      this.rooms.receive(messages);
    } finally {
      this.#live = false;
    }
  }

  /** @param {import("../protocol/wire.js").Notice} notice */
  #onNotice(notice) {
    const room = this.rooms.joined.get(notice.room ?? "") ?? this.rooms.active;
    room.timeline.addNote(noticeText(notice));
    this.invalidate("conversation");
  }

  /** @param {JoinedRoom} room */
  #onRoomChanged(room) {
    this.publisher.outbox.shownUpTo(room.name, room.room.shown);
    this.invalidate("sidebar", "header");
    if (room === this.rooms.active) this.invalidate("conversation");
    this.updateBanner();
  }

  /**
   * @param {JoinedRoom} room
   * @param {readonly Message[]} messages
   */
  #onShown(room, messages) {
    for (const message of messages) {
      if (this.#live) this.#recordDelivery(message);
      if (message.nonce !== undefined) this.publisher.outbox.confirm(message.nonce);
      if (room === this.rooms.active) this.members.clearTyping(message.author.id);
    }
    const texts = messages.filter(({ kind, author }) => kind === "text" && author.id !== this.me.id);
    if (this.#live && 0 < texts.length) this.events.emit("arrived", room, texts);
    this.invalidate("conversation", "sidebar", "header");
  }

  /** @param {Message} message */
  #recordDelivery(message) {
    const sentAt = this.publisher.sentAt(message.nonce);
    this.deliveries.record(message, {
      node: this.cluster.node,
      own: message.author.id === this.me.id,
      now: this.now,
      ...(sentAt !== undefined && { sentAt: sentAt + this.nodeClock.offset }),
    });
    this.invalidate("drawer");
  }

  /** A page of history arrived or was requested; it may hold messages that count as unread. */
  #onHistoryChanged() {
    this.invalidate("conversation");
    this.markVisibleRead();
  }

  /** @param {string} reason */
  #onStorageFailed(reason) {
    this.warning = `Unsent messages are kept in this window only, since ${reason}.`;
    this.invalidate("banner");
  }
}

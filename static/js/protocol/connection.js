// @ts-check
/**
 * The connection to whichever node the balancer gives us, in namespace `/chat`.
 *
 * It is made again by this file rather than by Socket.IO, so that the page can say when the next
 * attempt comes, and make it at once when somebody asks for that.
 *
 * @typedef {import("./clock.js").Clock} Clock
 * @typedef {import("./wire.js").Message} Message
 * @typedef {import("./wire.js").RoomPosition} RoomPosition
 *
 * @typedef {object} Identity
 * @property {string | undefined} token Proves to any node that we are who we were.
 * @property {string | undefined} name What we want to be called; unset: what the node calls us.
 * @property {number | undefined} color The hue that we want to have; unset: none of our choice.
 *
 * @typedef {object} ConnectionPorts What a connection tells the page.
 * @property {() => Record<string, RoomPosition>} rooms The rooms to join at connect, and where to go on.
 * @property {(session: import("./wire.js").Session) => void} online Requests may be made.
 * @property {(trouble: string) => void} offline No requests before the next `online`.
 * @property {(messages: Message[], live: boolean) => void} messages Of one room; `live`: said just now.
 * @property {(notice: import("./wire.js").Notice) => void} notice
 * @property {(presence: import("./wire.js").PresenceUpdate) => void} presence
 * @property {(typing: import("./wire.js").Typing) => void} typing
 *
 * @typedef {Pick<import("socket.io-client").Socket,
 *   "on" | "connect" | "disconnect" | "timeout" | "active" | "connected">
 *   & { io: { engine?: { close(): unknown } } }} Socket
 */
import { Backoff } from "./backoff.js";

/** How long a request may take before it is asked again. */
const ANSWER_MS = 10_000;
/** A connection that lasted so long is no part of a row of failures. */
const STEADY_MS = 30_000;
/** How long an answer may take when there is doubt about the connection. */
const DOUBT_MS = 4_000;

/** For Socket.IO's client. */
export const SOCKET_OPTIONS = {
  autoConnect: false,
  // A websocket is one connection to one node from the first byte: it needs no stickiness and no
  // upgrade under load. Polling is for networks that let nothing else through.
  transports: ["websocket", "polling"],
  tryAllTransports: true,
  reconnection: false,
};

/** After a lost network, the first attempt comes soon; a node that refuses is given more time. */
export const BACKOFFS = {
  lost: () => new Backoff({ firstMs: 500, maxMs: 5_000 }),
  refused: () => new Backoff({ firstMs: 1_000, maxMs: 30_000 }),
};

export class Connection {
  /** When the next attempt comes, in milliseconds since 1970; `null` if none waits. @type {number | null} */
  retryAt = null;
  /** Whether requests may be made. */
  online = false;
  #onlineSince = 0;
  #cancelRetry = () => {};

  /**
   * @param {(namespace: string, options: object) => Socket} io
   * @param {Identity} identity
   * @param {ConnectionPorts} ports
   * @param {Clock} clock
   * @param {{ lost: Backoff, refused: Backoff }} [backoffs]
   */
  constructor(io, identity, ports, clock, backoffs = { lost: BACKOFFS.lost(), refused: BACKOFFS.refused() }) {
    this.identity = identity;
    this.ports = ports;
    this.clock = clock;
    this.backoffs = backoffs;
    // Asked at each connect.
    const auth = (/** @type {(auth: object) => void} */ give) => give(this.#auth());
    this.socket = io("/chat", { ...SOCKET_OPTIONS, auth });
    this.#listen();
  }

  open() {
    this.#cancelRetry();
    this.retryAt = null;
    this.socket.connect();
  }

  /** Makes the attempt that waits for its time, if one does. */
  hasten() {
    if (this.retryAt !== null) this.open();
  }

  /** Connects anew, as who we are now. */
  reopen() {
    this.socket.disconnect();
    this.open();
  }

  /** Finds out soon whether the connection still stands, where the heartbeat would take longer. */
  doubt() {
    if (!this.online) {
      this.hasten();
      return;
    }
    const since = this.#onlineSince;
    this.socket.timeout(DOUBT_MS).emit("rooms", { limit: 1 }, (/** @type {unknown} */ error) => {
      if (error && this.online && since === this.#onlineSince) this.socket.io.engine?.close();
    });
  }

  /**
   * Asks the node something.
   *
   * @template T
   * @param {string} event
   * @param {object} request
   * @param {(answer: import("./wire.js").Response<T>) => void} answered
   */
  ask(event, request, answered) {
    // Socket.IO would keep it and send it at the next connect, before the session and out of turn.
    if (!this.online) {
      answered(null);
      return;
    }
    this.socket.timeout(ANSWER_MS).emit(event, request, (/** @type {unknown} */ error, /** @type {any} */ answer) => {
      answered(error ? null : answer);
    });
  }

  #auth() {
    const { token, name, color } = this.identity;
    return {
      ...(token && { token }),
      ...(name && { name }),
      ...(color !== undefined && { color }),
      rooms: this.ports.rooms(),
    };
  }

  #listen() {
    const { socket, ports } = this;
    socket.on("session", (session) => {
      this.identity.token = session.token;
      this.online = true;
      this.#onlineSince = this.clock.now();
      ports.online(session);
    });
    socket.on("message", (message) => ports.messages([message], true));
    socket.on("messages", (page, ack) => {
      ports.messages(page, false);
      // Only now: the node sends the next page to those who could show this one.
      ack?.();
    });
    socket.on("notice", (notice) => ports.notice(notice));
    socket.on("presence", (presence) => ports.presence(presence));
    socket.on("typing", (typing) => ports.typing(typing));
    socket.on("disconnect", (reason) => this.#lost(reason));
    socket.on("connect_error", (error) => this.#refused(error));
  }

  /** @param {string} reason */
  #lost(reason) {
    if (this.online && STEADY_MS <= this.clock.now() - this.#onlineSince) this.#steady();
    this.online = false;
    // What we closed ourselves, we open ourselves.
    if (reason === "io server disconnect") this.#retryLater(this.backoffs.refused);
    else if (reason !== "io client disconnect") this.#retryLater(this.backoffs.lost);
    this.ports.offline("");
  }

  /** @param {Error} error */
  #refused(error) {
    // Still active: the network is at fault, not the node.
    if (this.socket.active) {
      this.#retryLater(this.backoffs.lost);
      this.ports.offline("");
    } else if (error.message.startsWith("bad_token") && this.identity.token) {
      this.identity.token = undefined;
      this.open();
    } else {
      this.#retryLater(this.backoffs.refused, /** @type {any} */ (error).data?.retryAfterMs);
      this.ports.offline(error.message);
    }
  }

  #steady() {
    this.backoffs.lost.reset();
    this.backoffs.refused.reset();
  }

  /**
   * @param {Backoff} backoff
   * @param {number} [atLeastMs]
   */
  #retryLater(backoff, atLeastMs) {
    this.#cancelRetry();
    const waitMs = backoff.next(atLeastMs);
    this.retryAt = this.clock.now() + waitMs;
    this.#cancelRetry = this.clock.after(waitMs, () => this.open());
  }
}

// @ts-check
/**
 * The connection in namespace `/chat` to the node that the balancer chooses.
 *
 * This module reconnects instead of Socket.IO, so that the page can show when the next attempt is
 * due and make it early on demand.
 *
 * @typedef {import("./clock.js").Clock} Clock
 * @typedef {import("./wire.js").Message} Message
 * @typedef {import("./wire.js").RoomPosition} RoomPosition
 *
 * @typedef {object} Identity
 * @property {string | undefined} token Proves to any node that this is the same user as before.
 * @property {string | undefined} name The name to ask for; unset: the node chooses one.
 * @property {number | undefined} color The hue to ask for; unset: none was chosen.
 *
 * @typedef {object} ConnectionEvents
 * @property {[session: import("./wire.js").Session]} online Requests may be made.
 * @property {[reason: string]} offline No requests before the next `online`. The reason is the node's refusal, or empty.
 * @property {[messages: Message[], live: boolean]} messages Messages of one room; `live`: posted just now.
 * @property {[notice: import("./wire.js").Notice]} notice
 * @property {[update: import("./wire.js").PresenceUpdate]} presence
 * @property {[typing: import("./wire.js").Typing]} typing
 *
 * @typedef {Pick<import("socket.io-client").Socket,
 *   "on" | "connect" | "disconnect" | "timeout" | "active" | "connected">
 *   & { io: { engine?: { close(): unknown } } }} Socket
 */
import { Backoff } from "./backoff.js";

/** How long a request waits for its response. */
const RESPONSE_TIMEOUT_MS = 10_000;
/** A connection that lasted this long resets the backoff. */
const STABLE_MS = 30_000;
/** How long the probe of a suspect connection waits. */
const PROBE_TIMEOUT_MS = 4_000;

/** Options of Socket.IO's client. */
export const SOCKET_OPTIONS = {
  autoConnect: false,
  // A websocket is one connection to one node from the first byte: it needs no stickiness and no
  // upgrade under load. Polling is for networks that block websockets.
  transports: ["websocket", "polling"],
  tryAllTransports: true,
  reconnection: false,
};

/** A lost connection is retried soon; a node that refuses gets more time. */
export const BACKOFFS = {
  lost: () => new Backoff({ firstMs: 500, maxMs: 5_000 }),
  refused: () => new Backoff({ firstMs: 1_000, maxMs: 30_000 }),
};

export class Connection {
  /** When the next attempt is due, in milliseconds since 1970; `null` if none is scheduled. @type {number | null} */
  retryAt = null;
  /** Whether requests may be made. */
  online = false;
  /** The rooms to join at connect, and the position to resume each at. @type {() => Record<string, RoomPosition>} */
  #positions = () => ({});
  #onlineSince = 0;
  #cancelRetry = () => {};

  /**
   * @param {(namespace: string, options: object) => Socket} io
   * @param {Identity} identity
   * @param {Pick<import("./emitter.js").Emitter<ConnectionEvents>, "emit">} events
   * @param {Clock} clock
   * @param {{ lost: Backoff, refused: Backoff }} [backoffs]
   */
  constructor(io, identity, events, clock, backoffs = { lost: BACKOFFS.lost(), refused: BACKOFFS.refused() }) {
    this.identity = identity;
    this.events = events;
    this.clock = clock;
    this.backoffs = backoffs;
    // Socket.IO calls this at each connect.
    const auth = (/** @type {(auth: object) => void} */ send) => send(this.#auth());
    this.socket = io("/chat", { ...SOCKET_OPTIONS, auth });
    this.#listen();
  }

  /**
   * Connects for the first time.
   *
   * @param {() => Record<string, RoomPosition>} positions The rooms to join and the position to resume each at, asked for at this and every later connect.
   */
  open(positions) {
    this.#positions = positions;
    this.#connect();
  }

  /** Makes a scheduled attempt now; does nothing if none is scheduled. */
  retryNow() {
    if (this.retryAt !== null) this.#connect();
  }

  /** Disconnects and connects again, with the identity as it is now. */
  reconnect() {
    this.socket.disconnect();
    this.#connect();
  }

  /** Probes a suspect connection and closes it if it is dead, sooner than the heartbeat would. */
  probe() {
    if (!this.online) {
      this.retryNow();
      return;
    }
    const since = this.#onlineSince;
    this.socket.timeout(PROBE_TIMEOUT_MS).emit("rooms", { limit: 1 }, (/** @type {unknown} */ error) => {
      if (error && this.online && since === this.#onlineSince) this.socket.io.engine?.close();
    });
  }

  /**
   * Sends a request. The response is `null` if none comes in time, or at once while offline.
   *
   * @template T
   * @param {string} event
   * @param {object} request
   * @param {(response: import("./wire.js").Response<T>) => void} onResponse
   */
  request(event, request, onResponse) {
    // Socket.IO would buffer it and send it at the next connect, before the session and out of order.
    if (!this.online) {
      onResponse(null);
      return;
    }
    this.socket.timeout(RESPONSE_TIMEOUT_MS).emit(event, request, (/** @type {unknown} */ error, /** @type {any} */ response) => {
      onResponse(error ? null : response);
    });
  }

  #connect() {
    this.#cancelRetry();
    this.retryAt = null;
    this.socket.connect();
  }

  #auth() {
    const { token, name, color } = this.identity;
    return {
      ...(token && { token }),
      ...(name && { name }),
      ...(color !== undefined && { color }),
      rooms: this.#positions(),
    };
  }

  #listen() {
    const { socket, events } = this;
    socket.on("session", (session) => {
      this.identity.token = session.token;
      this.online = true;
      this.#onlineSince = this.clock.now();
      events.emit("online", session);
    });
    socket.on("message", (message) => events.emit("messages", [message], true));
    socket.on("messages", (page, ack) => {
      events.emit("messages", page, false);
      // Acked only after it was processed: the ack asks the node for the next page.
      ack?.();
    });
    socket.on("notice", (notice) => events.emit("notice", notice));
    socket.on("presence", (update) => events.emit("presence", update));
    socket.on("typing", (typing) => events.emit("typing", typing));
    socket.on("disconnect", (reason) => this.#onDisconnect(reason));
    socket.on("connect_error", (error) => this.#onConnectError(error));
  }

  /** @param {string} reason */
  #onDisconnect(reason) {
    if (this.online && STABLE_MS <= this.clock.now() - this.#onlineSince) this.#resetBackoffs();
    this.online = false;
    // A client disconnect is ours, and `reconnect` connects again by itself.
    if (reason === "io server disconnect") this.#retryLater(this.backoffs.refused);
    else if (reason !== "io client disconnect") this.#retryLater(this.backoffs.lost);
    this.events.emit("offline", "");
  }

  /** @param {Error} error */
  #onConnectError(error) {
    // An active socket means that the network failed, not that the node refused.
    if (this.socket.active) {
      this.#retryLater(this.backoffs.lost);
      this.events.emit("offline", "");
    } else if (error.message.startsWith("bad_token") && this.identity.token) {
      this.identity.token = undefined;
      this.#connect();
    } else {
      this.#retryLater(this.backoffs.refused, /** @type {any} */ (error).data?.retryAfterMs);
      this.events.emit("offline", error.message);
    }
  }

  #resetBackoffs() {
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
    this.#cancelRetry = this.clock.after(waitMs, () => this.#connect());
  }
}

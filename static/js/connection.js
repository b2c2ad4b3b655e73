// @ts-check
/**
 * The connection to whichever node the balancer gives us, in namespace `/chat`.
 *
 * While it is broken, Socket.IO's own jittered reconnect runs. It gives up where a node refuses or
 * dismisses us; then this file tries again by hand, more slowly.
 *
 * @typedef {import("./clock.js").Clock} Clock
 * @typedef {import("./wire.js").Message} Message
 * @typedef {import("./wire.js").Place} Place
 *
 * @typedef {object} Identity
 * @property {string | undefined} token Proves to any node that we are who we were.
 * @property {string | undefined} name What we want to be called; unset: what the node calls us.
 *
 * @typedef {object} ConnectionPorts What a connection tells the page.
 * @property {() => Record<string, Place>} rooms The rooms to join at connect, and where to go on.
 * @property {(session: import("./wire.js").Session) => void} online Requests may be made.
 * @property {(trouble: string) => void} offline No requests before the next `online`.
 * @property {(messages: Message[]) => void} messages
 * @property {(notice: import("./wire.js").Notice) => void} notice
 *
 * @typedef {Pick<import("socket.io-client").Socket,
 *   "on" | "connect" | "disconnect" | "timeout" | "active" | "connected">} Socket
 */
import { Backoff } from "./backoff.js";

/** How long a request may take before it is asked again. */
const ANSWER_MS = 10_000;
/** A connection that lasted so long is no part of a row of failures. */
const STEADY_MS = 30_000;

/** For Socket.IO's client. */
export const SOCKET_OPTIONS = {
  autoConnect: false,
  // A websocket is one connection to one node from the first byte: it needs no stickiness and no
  // upgrade under load. Polling is for networks that let nothing else through.
  transports: ["websocket", "polling"],
  tryAllTransports: true,
  reconnectionDelay: 500,
  reconnectionDelayMax: 5_000,
  randomizationFactor: 0.5,
};

export class Connection {
  #online = false;
  #onlineSince = 0;
  #cancelRetry = () => {};

  /**
   * @param {(namespace: string, options: object) => Socket} io
   * @param {Identity} identity
   * @param {ConnectionPorts} ports
   * @param {Clock} clock
   * @param {Backoff} [backoff]
   */
  constructor(io, identity, ports, clock, backoff = new Backoff({ firstMs: 1_000, maxMs: 30_000 })) {
    this.identity = identity;
    this.ports = ports;
    this.clock = clock;
    this.backoff = backoff;
    // Asked at each connect, also at those that Socket.IO makes by itself.
    const auth = (/** @type {(auth: object) => void} */ give) => give(this.#auth());
    this.socket = io("/chat", { ...SOCKET_OPTIONS, auth });
    this.#listen();
  }

  open() {
    this.#cancelRetry();
    this.socket.connect();
  }

  /** Connects anew, as who we are now. */
  reopen() {
    this.socket.disconnect();
    this.open();
  }

  /**
   * Asks the node something.
   *
   * @template T
   * @param {string} event
   * @param {object} request
   * @param {(answer: import("./wire.js").Answer<T>) => void} answered
   */
  ask(event, request, answered) {
    // Socket.IO would keep it and send it at the next connect, before the session and out of turn.
    if (!this.#online) {
      answered(null);
      return;
    }
    this.socket.timeout(ANSWER_MS).emit(event, request, (/** @type {unknown} */ error, /** @type {any} */ answer) => {
      answered(error ? null : answer);
    });
  }

  #auth() {
    const { token, name } = this.identity;
    return { ...(token && { token }), ...(name && { name }), rooms: this.ports.rooms() };
  }

  #listen() {
    const { socket, ports } = this;
    socket.on("session", (session) => {
      this.identity.token = session.token;
      this.#online = true;
      this.#onlineSince = this.clock.now();
      ports.online(session);
    });
    socket.on("message", (message) => ports.messages([message]));
    socket.on("messages", (page, ack) => {
      ports.messages(page);
      // Only now: the node sends the next page to those who could show this one.
      ack?.();
    });
    socket.on("notice", (notice) => ports.notice(notice));
    socket.on("disconnect", (reason) => this.#lost(reason));
    socket.on("connect_error", (error) => this.#refused(error));
  }

  /** @param {string} reason */
  #lost(reason) {
    if (this.#online && STEADY_MS <= this.clock.now() - this.#onlineSince) this.backoff.reset();
    this.#online = false;
    this.ports.offline("");
    if (reason === "io server disconnect") this.#retryLater();
  }

  /** @param {Error} error */
  #refused(error) {
    // Still active: the network is at fault, and Socket.IO is trying again.
    if (this.socket.active) {
      this.ports.offline("");
    } else if (error.message.startsWith("bad_token") && this.identity.token) {
      this.identity.token = undefined;
      this.open();
    } else {
      this.ports.offline(error.message);
      this.#retryLater(/** @type {any} */ (error).data?.retryAfterMs);
    }
  }

  /** @param {number} [atLeastMs] */
  #retryLater(atLeastMs) {
    this.#cancelRetry();
    this.#cancelRetry = this.clock.after(this.backoff.next(atLeastMs), () => this.open());
  }
}

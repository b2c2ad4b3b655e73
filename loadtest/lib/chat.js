// @ts-check
/**
 * A client of `/chat` in one room that follows the protocol: it reconnects with its token and cursor,
 * acks pages, and retries unanswered posts in order and with the same nonces.
 * It repairs nothing: messages are handed on as they arrive, to be judged.
 *
 * @typedef {{ room: string, seq: number, text: string, node: string }} Message
 * @typedef {{ node: string, token: string, epoch: string, rooms: Record<string, { head: number, epoch: string, recovered: boolean }> }} Session
 *
 * @typedef {object} ChatPorts
 * @property {(joined: { head: number, epoch: string }) => void} joined Called after the first join.
 * @property {(message: Message, via: "live" | "page") => void} message
 * @property {(post: import("./outbox.js").Post, stored: boolean) => void} settled Called when a post has its final answer.
 * @property {(session: Session, tookMs: number, recovered: boolean | null) => void} online `recovered`: null on the first connection.
 * @property {(reason: string) => void} offline
 */
import http from "k6/http";
import { clearTimeout, setTimeout } from "k6/timers";
import { Outbox } from "./outbox.js";
import { connect, Refused } from "./socketio.js";

const BACKOFF_MS = { first: 200, most: 5_000 };

export class ChatClient {
  /** @type {import("./socketio.js").Socket | null} */
  #socket = null;
  #token = "";
  #epoch = "";
  /** The highest seq received. */
  #seq = 0;
  #node = "";
  #stopped = false;
  #backoffMs = BACKOFF_MS.first;
  #jar = new http.CookieJar();
  /** Running timers, which would keep the iteration alive. @type {Set<number>} */
  #timers = new Set();

  /**
   * @param {{ base: string, room: string, name: string, transport: "websocket" | "upgrade", roams?: boolean }} options
   *   `roams`: drop the balancer's cookie before each connect, so the client may reach any node.
   * @param {ChatPorts} ports
   */
  constructor(options, ports) {
    this.options = options;
    this.ports = ports;
    this.outbox = new Outbox({
      send: ({ nonce, text }, answered) => {
        if (this.#socket) this.#socket.request("post", { room: options.room, nonce, text }, answered);
      },
      settled: (post, stored) => ports.settled(post, stored),
      after: (ms, then) => this.#after(ms, then),
    });
  }

  get node() {
    return this.#node;
  }

  get online() {
    return this.#socket !== null;
  }

  /** Connects, and reconnects whenever the connection breaks, until {@link stop}. */
  start() {
    this.#connect();
  }

  /** Closes the connection and reconnects after this pause. @param {number} awayMs */
  drop(awayMs) {
    if (!this.#socket) return;
    this.#socket.close();
    this.#lost("dropped", awayMs);
  }

  stop() {
    this.#stopped = true;
    this.outbox.offline();
    this.#socket?.close();
    this.#socket = null;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  async #connect() {
    const startedAt = Date.now();
    if (this.options.roams) this.#jar = new http.CookieJar();
    try {
      await connect({
        ...this.options,
        namespace: "/chat",
        jar: this.#jar,
        auth: () => this.#auth(),
        on: {
          session: ([session], _ack, socket) => this.#session(session, startedAt, socket),
          message: ([message]) => this.#receive(message, "live"),
          messages: ([page], ack) => {
            for (const message of page) this.#receive(message, "page");
            ack();
          },
        },
        closed: (reason) => this.#lost(reason, 0),
      });
    } catch (error) {
      if (error instanceof Refused && error.message.startsWith("bad_")) throw error;
      this.#retry(0);
    }
  }

  #auth() {
    const { room, name } = this.options;
    if (!this.#token) return { name };
    return { token: this.#token, name, rooms: this.#epoch ? { [room]: { epoch: this.#epoch, seq: this.#seq } } : {} };
  }

  /** @param {Session} session @param {number} startedAt @param {import("./socketio.js").Socket} socket */
  #session(session, startedAt, socket) {
    if (this.#stopped) {
      socket.close();
      return;
    }
    this.#token = session.token;
    this.#node = session.node;
    this.#backoffMs = BACKOFF_MS.first;
    const joined = session.rooms[this.options.room];
    if (joined) {
      this.#ready(socket, session, startedAt, joined.recovered);
      return;
    }
    socket.request("join", { room: this.options.room, history: 0 }, (response) => {
      if (!socket.connected) return; // `closed` handles this.
      if (this.#stopped || !response.ok) {
        socket.close();
        this.#lost("join", 0);
        return;
      }
      this.#epoch = response.ok.epoch;
      this.#seq = response.ok.head;
      this.ports.joined(response.ok);
      this.#ready(socket, session, startedAt, null);
    });
  }

  /**
   * @param {import("./socketio.js").Socket} socket
   * @param {Session} session
   * @param {number} startedAt
   * @param {boolean | null} recovered
   */
  #ready(socket, session, startedAt, recovered) {
    this.#socket = socket;
    this.ports.online(session, Date.now() - startedAt, recovered);
    this.outbox.online();
  }

  /** @param {Message} message @param {"live" | "page"} via */
  #receive(message, via) {
    this.#seq = Math.max(this.#seq, message.seq);
    this.ports.message(message, via);
  }

  /** @param {string} reason @param {number} awayMs */
  #lost(reason, awayMs) {
    if (this.#stopped) return;
    this.#socket = null;
    this.outbox.offline();
    this.ports.offline(reason);
    this.#retry(awayMs);
  }

  /** @param {number} atLeastMs */
  #retry(atLeastMs) {
    if (this.#stopped) return;
    const waitMs = this.#backoffMs * (0.5 + Math.random());
    this.#backoffMs = Math.min(BACKOFF_MS.most, 2 * this.#backoffMs);
    this.#after(Math.max(atLeastMs, waitMs), () => this.#connect());
  }

  /** @param {number} ms @param {() => void} then */
  #after(ms, then) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, ms);
    this.#timers.add(timer);
  }
}

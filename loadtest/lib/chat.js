// @ts-check
/**
 * A client of `/chat` in one room that keeps the protocol's rules: it comes back with its token and
 * its cursor, acks pages, and sends again, with the same nonces and in order, what was not answered.
 * It heals nothing: what is missing or comes twice is handed on as it came, to be judged.
 *
 * @typedef {{ room: string, seq: number, text: string, node: string }} Message
 * @typedef {{ node: string, token: string, epoch: string, rooms: Record<string, { head: number, epoch: string, recovered: boolean }> }} Session
 *
 * @typedef {object} ChatPorts
 * @property {(joined: { head: number, epoch: string }) => void} joined In the room for the first time.
 * @property {(message: Message, via: "live" | "page") => void} message
 * @property {(post: import("./outbox.js").Post, stored: boolean) => void} settled A post was answered for good.
 * @property {(session: Session, tookMs: number, recovered: boolean | null) => void} online `recovered`: null at first.
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
  /** The newest place shown: where to go on. */
  #seq = 0;
  #node = "";
  #stopped = false;
  #backoffMs = BACKOFF_MS.first;
  #jar = new http.CookieJar();
  /** Timers that hold the iteration open. @type {Set<number>} */
  #timers = new Set();

  /**
   * @param {{ base: string, room: string, name: string, transport: "websocket" | "upgrade", roams?: boolean }} options
   *   `roams`: it forgets the balancer's cookie with each connection, so that it comes back anywhere.
   * @param {ChatPorts} ports
   */
  constructor(options, ports) {
    this.options = options;
    this.ports = ports;
    this.outbox = new Outbox({
      send: ({ nonce, text }, answered) => {
        if (this.#socket) this.#socket.ask("post", { room: options.room, nonce, text }, answered);
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

  /** Connects, and again whenever the connection breaks, until {@link stop}. */
  start() {
    this.#connect();
  }

  /** Breaks the connection, as a network does, and stays away for so long. @param {number} awayMs */
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
    const begunAt = Date.now();
    if (this.options.roams) this.#jar = new http.CookieJar();
    try {
      await connect({
        ...this.options,
        namespace: "/chat",
        jar: this.#jar,
        auth: () => this.#auth(),
        on: {
          session: ([session], _ack, socket) => this.#session(session, begunAt, socket),
          message: ([message]) => this.#shown(message, "live"),
          messages: ([page], ack) => {
            for (const message of page) this.#shown(message, "page");
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

  /** @param {Session} session @param {number} begunAt @param {import("./socketio.js").Socket} socket */
  #session(session, begunAt, socket) {
    if (this.#stopped) {
      socket.close();
      return;
    }
    this.#token = session.token;
    this.#node = session.node;
    this.#backoffMs = BACKOFF_MS.first;
    const joined = session.rooms[this.options.room];
    if (joined) {
      this.#ready(socket, session, begunAt, joined.recovered);
      return;
    }
    socket.ask("join", { room: this.options.room, history: 0 }, (answer) => {
      if (!socket.connected) return; // `closed` was told.
      if (this.#stopped || !answer.ok) {
        socket.close();
        this.#lost("join", 0);
        return;
      }
      this.#epoch = answer.ok.epoch;
      this.#seq = answer.ok.head;
      this.ports.joined(answer.ok);
      this.#ready(socket, session, begunAt, null);
    });
  }

  /**
   * @param {import("./socketio.js").Socket} socket
   * @param {Session} session
   * @param {number} begunAt
   * @param {boolean | null} recovered
   */
  #ready(socket, session, begunAt, recovered) {
    this.#socket = socket;
    this.ports.online(session, Date.now() - begunAt, recovered);
    this.outbox.online();
  }

  /** @param {Message} message @param {"live" | "page"} via */
  #shown(message, via) {
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

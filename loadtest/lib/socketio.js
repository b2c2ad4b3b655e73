// @ts-check
/**
 * A Socket.IO client for plain k6 (no extension): one connection to one namespace.
 *
 * It performs the handshake, answers heartbeats and detects their absence, connects to the namespace with
 * auth, and delivers events and acks in the order of their frames. Handlers run synchronously with the
 * frame, so nothing can come between an answer and what follows it.
 * It does not reconnect: see chat.js.
 *
 * @typedef {object} SocketOptions
 * @property {string} base The server, such as `http://localhost:8080`.
 * @property {string} namespace
 * @property {() => object} auth Called on each connect to the namespace.
 * @property {Record<string, (args: any[], ack: (...answer: any[]) => void, socket: Socket) => void>} on Handlers, by event.
 * @property {(reason: string) => void} closed Called once if the socket was connected, but not after `close()`.
 * @property {import("k6/http").CookieJar} [jar] Holds the balancer's cookie; defaults to the VU's jar.
 * @property {"websocket" | "upgrade"} [transport] `upgrade` starts with HTTP, as
 *   browsers do by default; the cookie leads the websocket to the same node.
 * @property {number} [timeoutMs] Limit for the whole connect.
 */
import http from "k6/http";
import { clearTimeout, setTimeout } from "k6/timers";
import { WebSocket } from "k6/websockets";
import { ackPacket, connectPacket, decode, eventPacket } from "./packet.js";

const CONNECT_MS = 15_000;
const ANSWER_MS = 10_000;
/** `readyState` of an open websocket; k6 has a constant for it only since 2.3. */
const OPEN = 1;

/** The outcome of a request without an answer: the server may or may not have executed it. */
export class NoAnswer extends Error {}

/** The server refused the namespace; `message` is the server's. */
export class Refused extends Error {}

/**
 * Connects.
 *
 * @param {SocketOptions} options
 * @returns {Promise<Socket>} Rejects if the server refuses ({@link Refused}), cannot be reached, or takes too long.
 */
export async function connect(options) {
  const jar = options.jar ?? http.cookieJar();
  const sid = options.transport === "upgrade" ? await handshakeByPolling(options.base, jar) : "";
  return new Promise((done, failed) => new Socket(options, jar, sid, done, failed));
}

/** @param {string} base @param {string} query */
function engineUrl(base, query) {
  return `${base}/socket.io/?EIO=4&transport=${query}`;
}

/**
 * Performs the handshake over HTTP; the response sets the cookie.
 *
 * @param {string} base
 * @param {import("k6/http").CookieJar} jar
 */
async function handshakeByPolling(base, jar) {
  const params = { jar, timeout: CONNECT_MS, tags: { name: "handshake" } };
  const response = await http.asyncRequest("GET", engineUrl(base, "polling"), null, params);
  if (response.status !== 200) throw new Error(`handshake: status ${response.status}`);
  const packet = decode(String(response.body), "/");
  if (packet.kind !== "open") throw new Error("handshake: unexpected packet");
  return /** @type {string} */ (packet.data.sid);
}

export class Socket {
  /** Requests without an answer, by ack id. @type {Map<number, { answered: (answer: any) => void, timer: number }>} */
  #pending = new Map();
  #lastAck = 0;
  #connected = false;
  #over = false;
  /** How long to wait for a heartbeat. */
  #silenceMs = CONNECT_MS;

  /**
   * Use {@link connect}.
   *
   * @param {SocketOptions} options
   * @param {import("k6/http").CookieJar} jar
   * @param {string} sid The session to upgrade, or empty.
   * @param {(socket: Socket) => void} done
   * @param {(error: Error) => void} failed
   */
  constructor(options, jar, sid, done, failed) {
    this.options = options;
    this.done = done;
    this.failed = failed;
    const url = engineUrl(options.base, `websocket${sid && `&sid=${sid}`}`).replace(/^http/, "ws");
    this.socket = new WebSocket(url, null, { jar, tags: { name: "websocket" } });
    this.timer = setTimeout(() => this.#end("connect timeout"), options.timeoutMs ?? CONNECT_MS);
    this.liveness = 0;
    this.socket.onopen = () => this.#opened(sid);
    this.socket.onmessage = (event) => this.#frame(String(event?.data));
    this.socket.onerror = (event) => this.#end(`transport error: ${event?.error}`);
    this.socket.onclose = () => this.#end("transport close");
  }

  get connected() {
    return this.#connected && !this.#over;
  }

  /**
   * Sends an event and waits for its ack.
   *
   * @param {string} event
   * @param {object} request
   * @param {(answer: any) => void} answered Called with the answer or a {@link NoAnswer}.
   * @param {number} [timeoutMs]
   */
  request(event, request, answered, timeoutMs = ANSWER_MS) {
    if (!this.connected) {
      answered(new NoAnswer("not connected"));
      return;
    }
    const ack = (this.#lastAck += 1);
    const timer = setTimeout(() => this.#answer(ack, new NoAnswer("timeout")), timeoutMs);
    this.#pending.set(ack, { answered, timer });
    this.#send(eventPacket(this.options.namespace, [event, request], ack));
  }

  /** Closes the connection without calling `closed`. */
  close() {
    this.options.closed = () => {};
    this.#end("closed here");
  }

  /** @param {string} sid */
  #opened(sid) {
    // Closed while opening: k6 cannot close the websocket earlier.
    if (this.#over) this.socket.close();
    else if (sid) this.#send("2probe");
  }

  /** @param {string} frame */
  #frame(frame) {
    if (this.#over) return;
    const packet = decode(frame, this.options.namespace);
    switch (packet.kind) {
      case "ping":
        this.#send("3");
        this.#alive();
        break;
      case "open":
        this.#silenceMs = packet.data.pingInterval + packet.data.pingTimeout;
        this.#enter();
        break;
      case "upgraded":
        this.#send("5");
        this.#enter();
        break;
      case "connected":
        clearTimeout(this.timer);
        this.#connected = true;
        this.done(this);
        break;
      case "event": this.#event(packet); break;
      case "ack": this.#answer(packet.ack, packet.args[0]); break;
      case "refused": this.#end(packet.data?.message ?? "refused", Refused); break;
      case "close":
      case "dismissed": this.#end(`server: ${packet.kind}`); break;
      case "other": break;
    }
  }

  #enter() {
    this.#alive();
    this.#send(connectPacket(this.options.namespace, this.options.auth()));
  }

  /** @param {{ name: string, args: any[], ack: number | null }} event */
  #event({ name, args, ack }) {
    const acked = (/** @type {any[]} */ ...answer) => {
      if (ack !== null && !this.#over) this.#send(ackPacket(this.options.namespace, ack, answer));
    };
    this.options.on[name]?.(args, acked, this);
  }

  #alive() {
    clearTimeout(this.liveness);
    this.liveness = setTimeout(() => this.#end("ping timeout"), this.#silenceMs);
  }

  /** @param {number} ack @param {any} answer */
  #answer(ack, answer) {
    const pending = this.#pending.get(ack);
    if (!pending) return;
    this.#pending.delete(ack);
    clearTimeout(pending.timer);
    pending.answered(answer);
  }

  /** @param {string} frame */
  #send(frame) {
    if (this.socket.readyState === OPEN) this.socket.send(frame);
  }

  /** @param {string} reason @param {new (message: string) => Error} [As] */
  #end(reason, As = Error) {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.timer);
    clearTimeout(this.liveness);
    if (this.socket.readyState === OPEN) this.socket.close();
    for (const ack of [...this.#pending.keys()]) this.#answer(ack, new NoAnswer(reason));
    if (this.#connected) this.options.closed(reason);
    else this.failed(new As(reason));
  }
}

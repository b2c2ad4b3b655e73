// @ts-check
/** A bare Engine.IO client that can send what no library would, and sees every packet of the response. */
import { WebSocket } from "ws";
import { TIMEOUT_MS } from "./harness.mjs";

/** Timeout of a poll; longer than the heartbeat interval. */
const POLL_MS = 40_000;
/** Separates the packets of one body. */
export const SEPARATOR = "\x1e";

/** @param {string} base @param {string} query */
export function engineUrl(base, query) {
  return `${base}/socket.io/?${query}`;
}

/** A polling session. Keeps the balancer's cookie, so that all its requests reach the same node. */
export class Polling {
  cookie = "";
  handshake = { sid: "", pingInterval: 0, pingTimeout: 0 };

  /** @param {string} base */
  constructor(base) {
    this.base = base;
    this.sid = "";
  }

  /**
   * Opens a session and answers its first heartbeat, which comes at once.
   *
   * @param {string} base
   */
  static async open(base) {
    const polling = new Polling(base);
    const { text } = await polling.request("EIO=4&transport=polling");
    polling.handshake = JSON.parse(text.slice(1));
    polling.sid = polling.handshake.sid;
    await polling.post("3");
    const first = await polling.poll();
    if (first.text !== "2") throw new Error(`the first packet is ${first.text}`);
    return polling;
  }

  /**
   * @param {string} query
   * @param {RequestInit} [init]
   * @returns {Promise<{ status: number, type: string, text: string }>}
   */
  async request(query, init) {
    const headers = { ...(this.cookie && { cookie: this.cookie }) };
    const response = await fetch(engineUrl(this.base, query), { headers, signal: AbortSignal.timeout(POLL_MS), ...init });
    const [cookie] = response.headers.getSetCookie();
    if (cookie) this.cookie = cookie.split(";")[0] ?? "";
    return { status: response.status, type: response.headers.get("content-type") ?? "", text: await response.text() };
  }

  get query() {
    return `EIO=4&transport=polling&sid=${this.sid}`;
  }

  /** @param {AbortSignal} [signal] */
  poll(signal) {
    return this.request(this.query, signal && { signal });
  }

  /** @param {string} body */
  post(body) {
    return this.request(this.query, { method: "POST", body });
  }

  /**
   * Polls, answering heartbeats, until `count` packets of a kind have arrived; returns those.
   *
   * @param {RegExp} kind
   * @param {number} [count]
   */
  async packets(kind, count = 1) {
    /** @type {string[]} */
    const packets = [];
    while (packets.length < count) {
      const { status, text } = await this.poll();
      if (status !== 200) throw new Error(`${status} after ${packets}`);
      for (const packet of text.split(SEPARATOR)) {
        if (packet === "2") await this.post("3");
        else if (kind.test(packet)) packets.push(packet);
      }
    }
    return packets;
  }

  /** Opens a websocket to upgrade the session. */
  upgrade() {
    return Socket.open(this.base, `EIO=4&transport=websocket&sid=${this.sid}`, this.cookie);
  }
}

/** A websocket, frame by frame. Answers heartbeats while `answers` is set. */
export class Socket {
  /** Received frames that were not read yet. @type {string[]} */
  frames = [];
  closed = false;
  answers = true;
  /** Arrival times of heartbeats. @type {number[]} */
  beats = [];
  #wake = () => {};

  /** @param {WebSocket} socket */
  constructor(socket) {
    this.socket = socket;
    socket.on("message", (data) => {
      const frame = String(data);
      if (frame === "2") this.beats.push(Date.now());
      if (frame !== "2") this.frames.push(frame);
      else if (this.answers) socket.send("3");
      this.#wake();
    });
    socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
    socket.on("error", () => {});
  }

  /**
   * @param {string} base
   * @param {string} [query]
   * @param {string} [cookie]
   * @returns {Promise<Socket>} Rejects with the HTTP status if it is refused.
   */
  static open(base, query = "EIO=4&transport=websocket", cookie) {
    return new Promise((done, failed) => {
      const options = { headers: cookie ? { cookie } : {} };
      const socket = new WebSocket(engineUrl(base, query).replace(/^http/, "ws"), options);
      const opened = new Socket(socket);
      socket.on("open", () => done(opened));
      socket.on("unexpected-response", (_request, response) => {
        response.destroy();
        failed(new Error(String(response.statusCode)));
      });
      socket.on("error", failed);
    });
  }

  /** Opens a session that starts as a websocket. @param {string} base */
  static async begin(base) {
    const socket = await Socket.open(base);
    const handshake = JSON.parse((await socket.next()).slice(1));
    return { socket, handshake };
  }

  /** @param {string | Buffer} frame */
  send(frame) {
    this.socket.send(frame);
  }

  /** The next frame that is not a heartbeat. @returns {Promise<string>} */
  async next() {
    await this.#until(() => 0 < this.frames.length || this.closed, "a frame", TIMEOUT_MS);
    const frame = this.frames.shift();
    if (frame === undefined) throw new Error("closed");
    return frame;
  }

  /** Waits until the node closes the connection. */
  async end(timeoutMs = TIMEOUT_MS) {
    await this.#until(() => this.closed, "the close", timeoutMs);
  }

  close() {
    this.socket.terminate();
  }

  /** @param {() => boolean} holds @param {string} what @param {number} timeoutMs */
  async #until(holds, what, timeoutMs) {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, timeoutMs);
    while (!holds()) {
      if (late) throw new Error(`${what} did not come within ${timeoutMs} ms`);
      await new Promise((woken) => (this.#wake = () => woken(undefined)));
    }
    clearTimeout(timer);
  }
}

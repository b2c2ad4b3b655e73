// @ts-check
/** Real Socket.IO clients that check the stack's promises. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { io } from "socket.io-client";
import { pause, until, URL_HTTP } from "./stack.mjs";

/** Options by transport. In Node.js, the client keeps cookies for one connection only, and only with `withCredentials`. */
export const TRANSPORTS = {
  websocket: { transports: ["websocket"] },
  polling: { transports: ["polling"], withCredentials: true },
  default: { withCredentials: true },
};

/** Timeout of a request before it is retried. */
const ANSWER_MS = 5_000;

/** Open clients, closed at the end of a test. @type {Set<{ close(): void }>} */
const open = new Set();

export function closeAll() {
  for (const client of open) client.close();
  open.clear();
}

/** A room that no other test uses. @param {string} what */
export function newRoom(what) {
  return `${what}-${randomUUID().slice(0, 8)}`;
}

/**
 * A client of `/chat` in one room. It accepts only the message with the next seq and records anything else
 * as a fault; it neither sorts nor drops messages, because the node promises their order.
 */
export class Client {
  /** The node that it is connected to; "" if none. */
  node = "";
  /** The node of each connection. @type {string[]} */
  nodes = [];
  /** Accepted messages, from seq 1. @type {{ seq: number, text: string, author: { id: string, name: string }, nonce?: string }[]} */
  shown = [];
  /** Violations of the promises. @type {string[]} */
  faults = [];
  /** Seqs of its own acked posts, in the order of sending. @type {number[]} */
  acked = [];
  live = false;
  #epoch = "";
  #token = "";

  /**
   * @param {string} room
   * @param {object} [options] For socket.io-client.
   */
  constructor(room, options = TRANSPORTS.websocket) {
    this.room = room;
    this.socket = io(`${URL_HTTP}/chat`, {
      forceNew: true,
      reconnectionDelay: 200,
      reconnectionDelayMax: 2_000,
      auth: (/** @type {(auth: object) => void} */ give) => give(this.#auth()),
      ...options,
    });
    this.socket.on("session", (session) => this.#begin(session));
    this.socket.on("message", (message) => this.#show(message));
    this.socket.on("messages", (page, ack) => {
      for (const message of page) this.#show(message);
      ack?.();
    });
    this.socket.on("disconnect", (reason) => {
      this.node = "";
      this.live = false;
      // After this reason the client library does not reconnect, so the server must not use it.
      if (reason === "io server disconnect") this.faults.push("disconnected by the server");
    });
    this.socket.on("notice", (notice) => this.faults.push(`notice ${JSON.stringify(notice)}`));
    open.add(this);
  }

  close() {
    this.socket.disconnect();
    open.delete(this);
  }

  /** The highest accepted seq. */
  get seq() {
    return this.shown.length;
  }

  #auth() {
    return {
      ...(this.#token && { token: this.#token }),
      // Sent from the first session on, so that joining and recovering are the same.
      ...(this.#epoch && { rooms: { [this.room]: { epoch: this.#epoch, seq: this.seq } } }),
    };
  }

  /** @param {any} session */
  async #begin(session) {
    this.#token = session.token;
    this.node = session.node;
    this.nodes.push(session.node);
    const joined = session.rooms?.[this.room];
    if (this.#epoch && this.#epoch !== session.epoch) this.faults.push("another log");
    this.#epoch = session.epoch;
    if (joined) {
      if (!joined.recovered) this.faults.push(`not recovered from ${this.seq}: ${JSON.stringify(joined)}`);
      this.live = true;
      return;
    }
    const answer = await this.#request("join", { room: this.room, after: { epoch: session.epoch, seq: this.seq } });
    if (answer?.error) this.faults.push(`join refused: ${JSON.stringify(answer.error)}`);
    if (answer?.ok) this.live = true;
  }

  /** @param {any} message */
  #show(message) {
    if (message.room !== this.room) return;
    if (message.seq === this.seq + 1) this.shown.push(message);
    else this.faults.push(`got ${message.seq} after ${this.seq} on ${this.node}`);
  }

  /** Sends a request; resolves to `null` if no answer comes in time. @param {string} event @param {object} request @returns {Promise<any>} */
  #request(event, request) {
    return this.socket.timeout(ANSWER_MS).emitWithAck(event, request).catch(() => null);
  }

  ready() {
    return until(`a client is in ${this.room}: ${this.faults}`, () => this.live, 30_000);
  }

  /**
   * Posts a message, with retries until it is acked.
   *
   * @param {string} text
   * @returns {Promise<number>} Its seq.
   */
  async post(text) {
    const nonce = randomUUID();
    for (;;) {
      while (!this.live) await pause(50);
      const answer = await this.#request("post", { room: this.room, nonce, text });
      if (answer?.ok) {
        this.acked.push(answer.ok.seq);
        return answer.ok.seq;
      }
      if (answer && answer.error.retryAfterMs === undefined) throw new Error(`refused: ${JSON.stringify(answer.error)}`);
      await pause(answer?.error.retryAfterMs ?? 50);
    }
  }
}

/**
 * Opens clients and waits until all are in the room.
 *
 * @param {string} room
 * @param {object[]} options One client for each.
 */
export async function clientsIn(room, options) {
  const clients = options.map((each) => new Client(room, each));
  await Promise.all(clients.map((client) => client.ready()));
  return clients;
}

/** Lets clients send concurrently until it is stopped. */
export class Traffic {
  #sending = true;
  /** The text at each acked seq. @type {Map<number, string>} */
  acked = new Map();

  /** @param {Client[]} senders @param {number} pauseMs Between a sender's messages. */
  constructor(senders, pauseMs) {
    this.done = Promise.all(senders.map(async (sender, who) => {
      for (let turn = 1; this.#sending; turn += 1) {
        const text = `${who}:${turn}`;
        const seq = await sender.post(text);
        if (this.acked.has(seq)) sender.faults.push(`seq ${seq} acked twice`);
        this.acked.set(seq, text);
        await pause(pauseMs);
      }
    }));
  }

  /** Waits until `count` more messages are acked. @param {number} count */
  more(count) {
    const goal = this.acked.size + count;
    return until(`${count} more messages are acked`, () => goal <= this.acked.size);
  }

  async stop() {
    this.#sending = false;
    await this.done;
  }
}

/**
 * Asserts that each client got each acked message once, in the one order, and nothing else.
 *
 * @param {Client[]} clients
 * @param {Map<number, string>} acked
 */
export async function assertAllHeardAll(clients, acked) {
  const wanted = Array.from({ length: acked.size }, (_, at) => acked.get(at + 1));
  await until("all clients are at the head", () => clients.every(({ seq }) => acked.size <= seq), 30_000).catch(() => {});
  for (const client of clients) {
    assert.deepEqual(client.faults, [], `faults of a client on ${client.nodes}`);
    assert.deepEqual(client.shown.map(({ text }) => text), wanted, `what a client on ${client.nodes} was shown`);
    assert.deepEqual(client.acked, [...client.acked].sort((a, b) => a - b), "a sender's order");
  }
}

// @ts-check
/**
 * Follows one room: joins it, shows what its cursor releases, and joins again to fill a gap.
 *
 * @typedef {import("./clock.js").Clock} Clock
 * @typedef {import("./cursor.js").JoinOutcome} JoinOutcome
 * @typedef {import("./wire.js").JoinResult} JoinResult
 * @typedef {import("./wire.js").Message} Message
 * @typedef {import("./wire.js").RoomPosition} RoomPosition
 * @typedef {import("./wire.js").Refusal} Refusal
 * @typedef {"away" | "joining" | "waiting" | "joined" | "refused"} Phase
 *
 * @typedef {object} RoomPorts
 * @property {(request: { room: string, after?: RoomPosition, history?: number },
 *   onResponse: (response: import("./wire.js").Response<JoinResult>) => void) => void} join
 * @property {() => number} historyLimit How many messages to request on a first join.
 * @property {(messages: Message[]) => void} show Called with each message once, in order.
 * @property {(outcome: JoinOutcome, result: JoinResult) => void} joined Called before the first messages of the join.
 * @property {(refusal: Refusal) => void} refused The room cannot be joined.
 * @property {() => void} changed `state` or `shown` may have changed.
 */
import { Backoff } from "./backoff.js";
import { RoomCursor } from "./cursor.js";
import { isRetryable } from "./wire.js";

/** A catch-up during which nothing arrives for this long is requested again. */
const STALL_TIMEOUT_MS = 10_000;

export class Room {
  #cursor = new RoomCursor();
  /** @type {Phase} */
  #phase = "away";
  /** Identifies the current join, so that responses to earlier ones are ignored. */
  #joinId = 0;
  /** @type {() => void} */
  #cancelTimer = () => {};

  /**
   * @param {string} name
   * @param {RoomPorts} ports
   * @param {Clock} clock
   * @param {Backoff} [backoff]
   */
  constructor(name, ports, clock, backoff = new Backoff({ firstMs: 500, maxMs: 30_000 })) {
    this.name = name;
    this.ports = ports;
    this.clock = clock;
    this.backoff = backoff;
  }

  /** The position to resume at; `null` if nothing was shown yet. */
  position() {
    return this.#cursor.position();
  }

  /** The newest seq shown. */
  get shown() {
    return this.#cursor.shown;
  }

  /** How many messages are known to exist and not yet shown. */
  get missing() {
    return this.#cursor.missing;
  }

  /** @returns {"away" | "behind" | "live" | "refused"} */
  get state() {
    if (this.#phase === "away" || this.#phase === "refused") return this.#phase;
    return this.#phase === "joined" && this.#cursor.caughtUp ? "live" : "behind";
  }

  /**
   * A connection is established.
   *
   * @param {JoinResult | null} result Set if the node has joined the room at connect.
   */
  online(result) {
    this.backoff.reset();
    if (result) this.#joined(result);
    else this.#join();
  }

  /** The connection is lost, or the user leaves the room. */
  offline() {
    this.#joinId += 1;
    this.#setPhase("away");
  }

  /**
   * Takes messages of this room as they arrive.
   *
   * @param {readonly Message[]} messages
   */
  receive(messages) {
    // Before the response to a first join, only leftovers of an earlier membership can arrive. Taken
    // as the first messages, they would hide the history before them.
    const ready = this.#phase === "joined" || (this.#phase !== "away" && this.position() !== null);
    if (!ready) return;
    const { due, gap } = this.#cursor.receive(messages);
    if (0 < due.length) {
      this.ports.show(due);
      if (!gap) this.backoff.reset();
    }
    if (this.#phase !== "joined") return;
    if (gap) this.#joinLater();
    else this.#setPhase("joined");
  }

  #join() {
    this.#joinId += 1;
    const id = this.#joinId;
    const after = this.position();
    this.#setPhase("joining");
    this.ports.join({ room: this.name, ...(after ? { after } : { history: this.ports.historyLimit() }) }, (response) => {
      if (id === this.#joinId) this.#onResponse(response);
    });
  }

  /** @param {import("./wire.js").Response<JoinResult>} response */
  #onResponse(response) {
    if (response?.ok) {
      this.#joined(response.ok);
    } else if (!response?.error || isRetryable(response.error)) {
      this.#joinLater(response?.error.retryAfterMs);
    } else {
      this.#setPhase("refused");
      this.ports.refused(response.error);
    }
  }

  /** @param {JoinResult} result */
  #joined(result) {
    this.ports.joined(this.#cursor.join(result), result);
    this.#setPhase("joined");
  }

  /** @param {number} [atLeastMs] */
  #joinLater(atLeastMs) {
    this.#setPhase("waiting");
    this.#cancelTimer = this.clock.after(this.backoff.next(atLeastMs), () => this.#join());
  }

  /** @param {Phase} phase */
  #setPhase(phase) {
    this.#cancelTimer();
    this.#phase = phase;
    if (phase === "joined" && !this.#cursor.caughtUp) {
      this.#cancelTimer = this.clock.after(STALL_TIMEOUT_MS, () => this.#joinLater());
    }
    this.ports.changed();
  }
}

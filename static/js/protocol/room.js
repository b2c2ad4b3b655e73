// @ts-check
/**
 * One room as this page follows it: joins, shows what its cursor lets through, and joins again
 * where something is missing.
 *
 * @typedef {import("./clock.js").Clock} Clock
 * @typedef {import("./cursor.js").JoinOutcome} JoinOutcome
 * @typedef {import("./wire.js").JoinResult} JoinResult
 * @typedef {import("./wire.js").Message} Message
 * @typedef {import("./wire.js").RoomPosition} RoomPosition
 * @typedef {import("./wire.js").Refusal} Refusal
 *
 * @typedef {object} RoomPorts What a room does to the world.
 * @property {(request: { room: string, after?: RoomPosition, history?: number },
 *   answered: (answer: import("./wire.js").Response<JoinResult>) => void) => void} join
 * @property {() => number} history How many messages to ask for when it knows none.
 * @property {(messages: Message[]) => void} show Appends messages; each comes once, in order.
 * @property {(opening: JoinOutcome, joined: JoinResult) => void} opened The room was entered, before its first messages.
 * @property {(refusal: Refusal) => void} refused The room cannot be entered.
 * @property {() => void} changed `state` or `shown` may be another.
 */
import { Backoff } from "./backoff.js";
import { RoomCursor } from "./cursor.js";
import { isRetryable } from "./wire.js";

/** A catch-up that brings nothing for so long is asked for again. */
const STALL_MS = 10_000;

export class Room {
  #cursor = new RoomCursor();
  /** @type {"away" | "joining" | "waiting" | "joined" | "refused"} */
  #phase = "away";
  /** Tells answers to this join from answers to earlier ones. */
  #joins = 0;
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

  /** Where the node is to go on from; `null` if nothing was shown yet. */
  place() {
    return this.#cursor.place();
  }

  /** The newest place shown. */
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
   * A connection stands.
   *
   * @param {JoinResult | null} joined What the node said if it has joined the room by itself.
   */
  online(joined) {
    this.backoff.reset();
    if (joined) this.#open(joined);
    else this.#join();
  }

  /** The connection is gone, or the page leaves the room. */
  offline() {
    this.#joins += 1;
    this.#enter("away");
  }

  /**
   * Takes messages of this room as they arrive.
   *
   * @param {readonly Message[]} messages
   */
  take(messages) {
    // Before the node's answer to a first join, only what an earlier stay in this room left on its
    // way can come; taken as the start, it would hide the history before it.
    const entered = this.#phase === "joined" || (this.#phase !== "away" && this.place() !== null);
    if (!entered) return;
    const { due, hole } = this.#cursor.offer(messages);
    if (0 < due.length) {
      this.ports.show(due);
      if (!hole) this.backoff.reset();
    }
    if (this.#phase !== "joined") return;
    if (hole) this.#joinLater();
    else this.#enter("joined");
  }

  #join() {
    this.#joins += 1;
    const join = this.#joins;
    const after = this.place();
    this.#enter("joining");
    this.ports.join({ room: this.name, ...(after ? { after } : { history: this.ports.history() }) }, (answer) => {
      if (join === this.#joins) this.#answered(answer);
    });
  }

  /** @param {import("./wire.js").Response<JoinResult>} answer */
  #answered(answer) {
    if (answer?.ok) {
      this.#open(answer.ok);
    } else if (!answer?.error || isRetryable(answer.error)) {
      this.#joinLater(answer?.error.retryAfterMs);
    } else {
      this.#enter("refused");
      this.ports.refused(answer.error);
    }
  }

  /** @param {JoinResult} joined */
  #open(joined) {
    this.ports.opened(this.#cursor.open(joined), joined);
    this.#enter("joined");
  }

  /** @param {number} [atLeastMs] */
  #joinLater(atLeastMs) {
    this.#enter("waiting");
    this.#cancelTimer = this.clock.after(this.backoff.next(atLeastMs), () => this.#join());
  }

  /** @param {"away" | "joining" | "waiting" | "joined" | "refused"} phase */
  #enter(phase) {
    this.#cancelTimer();
    this.#phase = phase;
    if (phase === "joined" && !this.#cursor.caughtUp) {
      this.#cancelTimer = this.clock.after(STALL_MS, () => this.#joinLater());
    }
    this.ports.changed();
  }
}

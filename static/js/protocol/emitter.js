// @ts-check
/**
 * Typed, synchronous events. An emitter is made before the parts that emit on it; its handlers are
 * added once the parts that they call exist, so that no handler can meet a half-built page.
 *
 * @template {Record<string, any[]>} Events Each event's arguments, by its name.
 */
export class Emitter {
  /** @type {Map<keyof Events, ((...args: any[]) => void)[]>} */
  #handlers = new Map();

  /** @param {{ [Name in keyof Events]?: (...args: Events[Name]) => void }} handlers */
  on(handlers) {
    for (const [name, handler] of Object.entries(handlers)) {
      this.#handlers.set(name, [...(this.#handlers.get(name) ?? []), /** @type {(...args: any[]) => void} */ (handler)]);
    }
  }

  /**
   * Calls the event's handlers before it returns; what they throw reaches the caller.
   *
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {Events[Name]} args
   */
  emit(name, ...args) {
    for (const handler of this.#handlers.get(name) ?? []) handler(...args);
  }
}

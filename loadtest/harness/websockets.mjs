// @ts-check
/** The module `k6/websockets` on top of npm's ws: the parts that the scripts use. */
import { WebSocket as Wire } from "ws";
import { CookieJar } from "./http.mjs";

const HANDSHAKE_MS = 60_000;
const PARAMS = ["headers", "tags", "jar", "compression"];
/** Close codes that k6 does not report as an error. */
const CLEAN = [1000, 1001];

/** @param {import("./vu.mjs").Vu} vu @param {import("./test.mjs").World} world */
export function websockets(vu, { registry, injectFault }) {
  class WebSocket {
    /** @type {0 | 1 | 2 | 3} */
    #state = 0;
    /** @type {Wire} */
    #wire;
    /** @type {((event?: any) => void) | null} */
    onopen = null;
    /** @type {((event?: any) => void) | null} */
    onmessage = null;
    /** @type {((event?: any) => void) | null} */
    onerror = null;
    /** @type {((event?: any) => void) | null} */
    onclose = null;

    /** @param {string} url @param {null} [_protocols] @param {{ jar?: CookieJar, headers?: Record<string, string> }} [params] */
    constructor(url, _protocols, params = {}) {
      vu.assertRuns("a WebSocket");
      if (!/^wss?:\/\//.test(url)) throw new Error(`WebSocket requires url with scheme ws or wss, but got "${url}"`);
      const unknown = Object.keys(params).find((key) => !PARAMS.includes(key));
      if (unknown) throw new Error(`unknown WebSocket's option ${unknown}`);
      const jar = params.jar ?? vu.jar;
      const cookie = jar.header(url);
      const headers = { ...params.headers, ...(cookie && { cookie }) };
      this.#wire = new Wire(url, { headers, perMessageDeflate: false, handshakeTimeout: HANDSHAKE_MS });
      this.#listen(jar, url, vu.hold(() => this.#wire.terminate()));
    }

    get readyState() {
      return this.#state;
    }

    /** @param {string} text */
    send(text) {
      if (this.#state !== 1) throw new Error("InvalidStateError");
      if (typeof text !== "string") throw new Error("unsupported send type");
      this.#wire.send(text);
    }

    close() {
      if (this.#state === 2 || this.#state === 3) return;
      this.#state = 2;
      this.#wire.close(1000);
    }

    /** @param {CookieJar} jar @param {string} url @param {() => void} release */
    #listen(jar, url, release) {
      const wire = this.#wire;
      let failure = "";
      wire.on("upgrade", ({ headers }) => jar.keep(url, headers["set-cookie"] ?? []));
      wire.on("open", () => {
        registry.add("ws_sessions", 1, vu.tags);
        if (this.#state !== 0) return;
        this.#state = 1;
        vu.turn(() => this.onopen?.({ type: "open" }));
      });
      wire.on("message", (data) => {
        for (const frame of injectFault(String(data))) {
          // k6 delivers nothing after `close()`.
          if (this.#state === 1) vu.turn(() => this.onmessage?.({ type: "message", data: frame }));
        }
      });
      wire.on("error", (error) => (failure = error.message));
      wire.on("close", (code) => {
        this.#state = 3;
        if (failure || !CLEAN.includes(code)) vu.turn(() => this.onerror?.({ type: "error", error: failure || `close ${code}` }));
        vu.turn(() => this.onclose?.({ type: "close", code }));
        release();
      });
    }
  }
  return { WebSocket };
}

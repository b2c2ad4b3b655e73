// @ts-check
/** The module `k6/http`: asynchronous requests and cookie jars. */

const TIMEOUT_MS = 60_000;
const PARAMS = ["jar", "headers", "tags", "timeout"];

export class CookieJar {
  /** By host. @type {Map<string, Map<string, string>>} */
  #hosts = new Map();

  /** Stores the cookies of `Set-Cookie` headers. @param {string} url @param {string[]} lines */
  keep(url, lines) {
    const { host } = new URL(url);
    const cookies = this.#hosts.get(host) ?? new Map();
    this.#hosts.set(host, cookies);
    for (const line of lines) {
      const [pair = ""] = line.split(";", 1);
      cookies.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
    }
  }

  /** @param {string} url @returns {string} */
  header(url) {
    return [...(this.#hosts.get(new URL(url).host) ?? [])].map(([name, value]) => `${name}=${value}`).join("; ");
  }
}

/** @param {import("./vu.mjs").Vu} vu @param {import("./test.mjs").World} world */
export function http(vu, { registry }) {
  /**
   * @param {string} method
   * @param {string} url
   * @param {string | null} body
   * @param {{ jar?: CookieJar, headers?: Record<string, string>, timeout?: number }} [params]
   */
  async function asyncRequest(method, url, body = null, params = {}) {
    vu.assertRuns("a request");
    const unknown = Object.keys(params).find((key) => !PARAMS.includes(key));
    if (unknown) throw new Error(`this harness does not support the parameter ${unknown}`);
    const jar = params.jar ?? vu.jar;
    const abort = new AbortController();
    const release = vu.hold(() => abort.abort());
    const timer = setTimeout(() => abort.abort(), params.timeout ?? TIMEOUT_MS);
    const startedAt = performance.now();
    try {
      const cookie = jar.header(url);
      const headers = { ...params.headers, ...(cookie && { cookie }) };
      const response = await fetch(url, { method, body, headers, redirect: "manual", signal: abort.signal });
      jar.keep(url, response.headers.getSetCookie());
      const text = await response.text();
      return { status: response.status, body: text, json: () => JSON.parse(text) };
    } catch (error) {
      // Like k6 without `throw`: a failed request has status 0.
      return { status: 0, body: null, error: String(error), json: () => undefined };
    } finally {
      clearTimeout(timer);
      registry.add("http_reqs", 1, vu.tags);
      registry.add("http_req_duration", performance.now() - startedAt, vu.tags);
      release();
    }
  }
  return { asyncRequest, CookieJar, cookieJar: () => vu.jar };
}

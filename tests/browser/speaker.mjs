// @ts-check
/** A user without a browser: posts over the HTTP API, and reads the log. */

export class Speaker {
  #sent = 0;

  /**
   * @param {string} base
   * @param {string} room
   * @param {string} token
   */
  constructor(base, room, token) {
    this.base = base;
    this.room = room;
    this.token = token;
  }

  /**
   * @param {string} base
   * @param {string} room
   * @param {string} [name]
   */
  static async open(base, room, name = "Speaker") {
    const { token } = await request(`${base}/api/sessions`, { method: "POST", body: JSON.stringify({ name }) });
    return new Speaker(base, room, token);
  }

  /**
   * @param {string} text
   * @param {string} [room]
   */
  async post(text, room = this.room) {
    const headers = { authorization: `Bearer ${this.token}`, "idempotency-key": `${(this.#sent += 1)}` };
    return request(`${this.base}/api/rooms/${room}/messages`, { method: "POST", headers, body: JSON.stringify({ text }) });
  }

  /**
   * The newest texts, oldest first.
   *
   * @returns {Promise<string[]>}
   */
  async texts() {
    const { messages } = await request(`${this.base}/api/rooms/${this.room}/messages?limit=200`, {});
    return messages.map((/** @type {{ text: string }} */ { text }) => text);
  }
}

/**
 * @param {string} url
 * @param {RequestInit} options
 * @returns {Promise<any>}
 */
async function request(url, options) {
  const answer = await fetch(url, { ...options, headers: { "content-type": "application/json", ...options.headers } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${JSON.stringify(body)}`);
  return body;
}

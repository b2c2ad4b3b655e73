// @ts-check
/**
 * k6's output `experimental-prometheus-rw`: sends the totals so far to Prometheus by remote write every
 * few seconds, as one series per set of tags, with k6's names and scales.
 *
 * @typedef {import("./sinks.mjs").Kind} Kind
 * @typedef {{ name: string, tags: Record<string, string>, kind: Kind, isTime: boolean, sink: ReturnType<typeof sinkOf> }} Series
 */
import { milliseconds } from "./duration.mjs";
import { EXIT, Failure } from "./failure.mjs";
import { sinkOf } from "./sinks.mjs";

const OUTPUT = "experimental-prometheus-rw";
/** Prometheus' staleness marker: the NaN that ends a series. */
const STALE = Buffer.from("7ff0000000000002", "hex").reverse();

/**
 * @param {Record<string, string>} env
 * @returns {RemoteWrite | null} Null without `K6_OUT`.
 */
export function outputOf(env) {
  if (!env.K6_OUT) return null;
  if (env.K6_OUT !== OUTPUT) throw new Failure(EXIT.config, `this harness does not support the output ${env.K6_OUT}`);
  return new RemoteWrite({
    url: env.K6_PROMETHEUS_RW_SERVER_URL ?? "http://localhost:9090/api/v1/write",
    everyMs: milliseconds(env.K6_PROMETHEUS_RW_PUSH_INTERVAL ?? "5s"),
    trendStats: (env.K6_PROMETHEUS_RW_TREND_STATS ?? "p(99)").split(","),
    staleMarkers: env.K6_PROMETHEUS_RW_STALE_MARKERS === "true",
  });
}

export class RemoteWrite {
  /** By name and tags. @type {Map<string, Series>} */
  #series = new Map();
  #startedAt = Date.now();
  /** Chains the requests, so they are sent in order. */
  #push = Promise.resolve();
  #failed = false;

  /** @param {{ url: string, everyMs: number, trendStats: string[], staleMarkers: boolean }} options */
  constructor(options) {
    this.options = options;
    this.timer = setInterval(() => this.#enqueue(), options.everyMs);
  }

  /** @param {{ name: string, kind: Kind, isTime: boolean }} metric @param {number} value @param {Record<string, string>} tags */
  add({ name, kind, isTime }, value, tags) {
    const key = JSON.stringify([name, ...Object.entries(tags).sort()]);
    const series = this.#series.get(key) ?? { name, tags, kind, isTime, sink: sinkOf(kind) };
    this.#series.set(key, series);
    series.sink.add(value);
  }

  /** Sends the last values and, if enabled, staleness markers. */
  async end() {
    clearInterval(this.timer);
    await this.#enqueue();
    if (this.options.staleMarkers) await this.#enqueue(STALE);
  }

  /** @param {Buffer} [override] Replaces each value. */
  #enqueue(override) {
    return (this.#push = this.#push.then(() => this.#send(override)));
  }

  /** @param {Buffer} [override] */
  async #send(override) {
    const at = Date.now();
    const message = [...this.#series.values()].flatMap((series) => this.#valuesOf(series).map(([name, value]) =>
      bytes(1, timeSeries({ ...series.tags, __name__: name }, override ?? double(value), at))));
    if (message.length === 0) return;
    try {
      const response = await fetch(this.options.url, {
        method: "POST",
        headers: {
          "content-encoding": "snappy",
          "content-type": "application/x-protobuf",
          "x-prometheus-remote-write-version": "0.1.0",
        },
        body: snappy(Buffer.concat(message)),
        signal: AbortSignal.timeout(this.options.everyMs),
      });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    } catch (error) {
      // Like k6, go on without the output.
      if (!this.#failed) console.error(`harness: samples cannot be sent to ${this.options.url}: ${error}`);
      this.#failed = true;
    }
  }

  /** @param {Series} series @returns {[name: string, value: number][]} */
  #valuesOf({ name, kind, isTime, sink }) {
    const full = `k6_${name}`;
    const seconds = (Date.now() - this.#startedAt) / 1_000;
    if (kind === "counter") return [[`${full}_total`, sink.value("count", seconds)]];
    if (kind === "gauge") return [[full, sink.value("value", seconds)]];
    if (kind === "rate") return [[`${full}_rate`, sink.value("rate", seconds)]];
    return this.options.trendStats.map((stat) =>
      [`${full}_${stat.replace(/[()]/g, "").replace(".", "")}`, sink.value(stat, seconds) / (isTime ? 1_000 : 1)]);
  }
}

/** @param {Record<string, string>} labels @param {Buffer} value @param {number} at */
function timeSeries(labels, value, at) {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  const sample = Buffer.concat([varint((1 << 3) | 1), value, varint(2 << 3), varint(at)]);
  return Buffer.concat([
    ...sorted.map(([name, is]) => bytes(1, Buffer.concat([bytes(1, Buffer.from(name)), bytes(2, Buffer.from(is))]))),
    bytes(2, sample),
  ]);
}

/** A length-delimited Protocol Buffers field. @param {number} field @param {Buffer} content */
function bytes(field, content) {
  return Buffer.concat([varint((field << 3) | 2), varint(content.length), content]);
}

/** @param {number} value May exceed 32 bits. */
function varint(value) {
  const out = [];
  for (; 0x7f < value; value = Math.floor(value / 0x80)) out.push((value % 0x80) | 0x80);
  return Buffer.from([...out, value]);
}

/** @param {number} value */
function double(value) {
  const out = Buffer.alloc(8);
  out.writeDoubleLE(value);
  return out;
}

/** Snappy's block format, uncompressed: literals only. @param {Buffer} content */
function snappy(content) {
  /** @type {Buffer[]} */
  const parts = [varint(content.length)];
  for (let at = 0; at < content.length; at += 0x1_0000) {
    const part = content.subarray(at, at + 0x1_0000);
    // The tag of a literal whose length minus one is in the next two bytes.
    parts.push(Buffer.from([61 << 2, (part.length - 1) & 0xff, (part.length - 1) >> 8]), part);
  }
  return Buffer.concat(parts);
}

// @ts-check
/**
 * Encodes and decodes Socket.IO v5 packets in Engine.IO v4 text frames; no binary. Pure.
 *
 * @typedef {{ kind: "open", data: any } | { kind: "ping" | "upgraded" | "close" | "other" }} EnginePacket
 * @typedef {{ kind: "connected", data: any } | { kind: "refused", data: any } | { kind: "dismissed" }
 *   | { kind: "event", name: string, args: any[], ack: number | null }
 *   | { kind: "ack", ack: number, args: any[] }} SocketPacket
 */

const ENGINE = "0123456";
const SOCKET = /^([0-6])(?:(\/[^,]*),)?(\d+)?(.*)$/s;

/**
 * Decodes a frame.
 *
 * @param {string} frame
 * @param {string} namespace Packets of other namespaces decode to `other`.
 * @returns {EnginePacket | SocketPacket}
 */
export function decode(frame, namespace) {
  if (frame === "2") return { kind: "ping" };
  if (frame === "3probe") return { kind: "upgraded" };
  const type = frame.charAt(0);
  if (type === "0") return { kind: "open", data: JSON.parse(frame.slice(1)) };
  if (type === "1") return { kind: "close" };
  return type === "4" ? message(frame.slice(1), namespace) : { kind: "other" };
}

/** @param {string} text @param {string} namespace @returns {EnginePacket | SocketPacket} */
function message(text, namespace) {
  const match = SOCKET.exec(text);
  if (!match || (match[2] ?? "/") !== namespace) return { kind: "other" };
  const ack = match[3] === undefined ? null : Number(match[3]);
  const data = match[4] ? JSON.parse(match[4]) : null;
  switch (match[1]) {
    case "0": return { kind: "connected", data };
    case "1": return { kind: "dismissed" };
    case "2": return { kind: "event", name: data[0], args: data.slice(1), ack };
    case "3": return { kind: "ack", ack: ack ?? -1, args: data };
    case "4": return { kind: "refused", data };
    default: return { kind: "other" };
  }
}

/** @param {string} namespace @param {object} auth */
export function connectPacket(namespace, auth) {
  return `40${prefix(namespace)}${JSON.stringify(auth)}`;
}

/** @param {string} namespace @param {any[]} event Its name, then its arguments. @param {number | null} [ack] */
export function eventPacket(namespace, event, ack = null) {
  return `42${prefix(namespace)}${ack ?? ""}${JSON.stringify(event)}`;
}

/** @param {string} namespace @param {number} ack @param {any[]} args */
export function ackPacket(namespace, ack, args) {
  return `43${prefix(namespace)}${ack}${JSON.stringify(args)}`;
}

/** @param {string} namespace */
function prefix(namespace) {
  return namespace === "/" ? "" : `${namespace},`;
}

/** Splits a polling body into packets. @param {string} body @returns {string[]} */
export function packetsOf(body) {
  return body.split("\x1e").filter((packet) => ENGINE.includes(packet.charAt(0)));
}

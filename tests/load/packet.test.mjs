// @ts-check
/** Decoding and encoding of Socket.IO frames. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ackPacket, connectPacket, decode, eventPacket, packetsOf } from "../../loadtest/lib/packet.js";

/** @type {[frame: string, packet: object][]} */
const FRAMES = [
  ['0{"sid":"a"}', { kind: "open", data: { sid: "a" } }],
  ["2", { kind: "ping" }],
  ["3probe", { kind: "upgraded" }],
  ["1", { kind: "close" }],
  ["6", { kind: "other" }],
  ['40/chat,{"sid":"a"}', { kind: "connected", data: { sid: "a" } }],
  ["41/chat,", { kind: "dismissed" }],
  ['42/chat,["message",{"text":"1,[2"}]', { kind: "event", name: "message", args: [{ text: "1,[2" }], ack: null }],
  ['42/chat,7["messages",[]]', { kind: "event", name: "messages", args: [[]], ack: 7 }],
  ['43/chat,12[{"ok":{}}]', { kind: "ack", ack: 12, args: [{ ok: {} }] }],
  ['44/chat,{"message":"bad_name: no"}', { kind: "refused", data: { message: "bad_name: no" } }],
  ['42["chat message","to another namespace",1]', { kind: "other" }],
];
for (const [frame, packet] of FRAMES) test(`reads ${frame}`, () => assert.deepEqual(decode(frame, "/chat"), packet));

test("the default namespace has no name in a frame", () => {
  assert.equal(connectPacket("/", {}), "40{}");
  assert.deepEqual(decode('42["a/b,c",1]', "/"), { kind: "event", name: "a/b,c", args: [1], ack: null });
});

test("writes events, acks and connects", () => {
  assert.equal(connectPacket("/chat", { name: "a" }), '40/chat,{"name":"a"}');
  assert.equal(eventPacket("/chat", ["post", { room: "a" }], 3), '42/chat,3["post",{"room":"a"}]');
  assert.equal(ackPacket("/chat", 7, []), "43/chat,7[]");
});

test("a polling body has several packets", () => assert.deepEqual(packetsOf("2\x1e40{}"), ["2", "40{}"]));

// @ts-check
/** What holds of the page's files as they are: its policy, and the hooks that the browser tests use. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { banner } from "../../static/js/status.js";
import { roomOfHash } from "../../static/js/wire.js";

const STATIC = new URL("../../static/", import.meta.url);
const html = readFileSync(new URL("index.html", STATIC), "utf8");
const scripts = readdirSync(new URL("js/", STATIC)).map((name) => ({
  name,
  source: readFileSync(new URL(`js/${name}`, STATIC), "utf8"),
}));

test("the page has nothing that a strict policy forbids", () => {
  for (const [, attributes, body] of html.matchAll(/<script([^>]*)>([^]*?)<\/script>/g)) {
    assert.match(attributes ?? "", /src="\//);
    assert.equal(body, "");
  }
  assert.doesNotMatch(html, /<style|\sstyle=|\son[a-z]+=|javascript:/);
  assert.doesNotMatch(html, /(src|href)="(?!\/[^/])/, "only paths of its own origin");
});

test("people's words reach the document as text only", () => {
  for (const { name, source } of scripts) {
    assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/, name);
  }
});

test("every script is checked", () => {
  for (const { name, source } of scripts) assert.match(source, /^\/\/ @ts-check\n\/\*\*/, name);
});

test("the page has what it and its tests look for", () => {
  for (const id of ["messages", "pending", "node", "banner", "form", "input", "name", "room"]) {
    assert.equal(html.split(`id="${id}"`).length, 2, id);
  }
});

/** @type {[hash: string, room: string | null][]} */
const HASHES = [
  ["", "lobby"],
  ["#", "lobby"],
  ["#room=", "lobby"],
  ["#lobby", "lobby"],
  ["#room=rust-talk", "rust-talk"],
  ["#A.b_1", "A.b_1"],
  ["#room=a b", null],
  ["#room=a/b", null],
  [`#${"x".repeat(64)}`, "x".repeat(64)],
  [`#${"x".repeat(65)}`, null],
];

for (const [hash, room] of HASHES) {
  test(`the hash ${JSON.stringify(hash.slice(0, 20))} names ${room === null ? "no room" : "a room"}`, () => {
    assert.equal(roomOfHash(hash), room);
  });
}

/** @type {[what: string, change: Partial<import("../../static/js/status.js").Circumstances>, says: RegExp][]} */
const BANNERS = [
  ["all is well", {}, /^$/],
  ["the first connection is being made", { online: false, wasOnline: false }, /^Connecting/],
  ["the connection was lost", { online: false }, /Reconnecting/],
  ["there is no network", { online: false, network: false }, /^You are offline/],
  ["the node refused", { online: false, trouble: "full: come later" }, /full: come later/],
  ["messages are missing", { room: "behind" }, /^Catching up/],
  ["the room was refused", { room: "refused" }, /not in this room/],
  ["the browser is wrong about its network", { network: false }, /^$/],
];

for (const [what, change, says] of BANNERS) {
  test(`the banner says that ${what}`, () => {
    const well = { online: true, wasOnline: true, network: true, trouble: "", room: /** @type {const} */ ("live") };
    assert.match(banner({ ...well, ...change }).text, says);
  });
}

// @ts-check
/** Checks of the page's files: the CSP, and the elements that the browser tests use. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { test } from "node:test";
import { bannerFor } from "../../static/js/model/status.js";
import { roomFromHash } from "../../static/js/protocol/wire.js";

const STATIC = new URL("../../static/", import.meta.url);
const html = readFileSync(new URL("index.html", STATIC), "utf8");
const scripts = readdirSync(new URL("js/", STATIC), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".js"))
  .map((name) => ({ name, source: readFileSync(new URL(`js/${name}`, STATIC), "utf8") }));

test("the page has nothing that a strict policy forbids", () => {
  for (const [, attributes, body] of html.matchAll(/<script([^>]*)>([^]*?)<\/script>/g)) {
    assert.match(attributes ?? "", /src="{assets}\//);
    assert.equal(body, "");
  }
  assert.doesNotMatch(html, /<style|\sstyle=|\son[a-z]+=|javascript:/);
  assert.doesNotMatch(html, /(src|href)="(?!\/[^/]|{assets}\/)/, "only paths of its own origin");
});

test("people's words reach the document as text only", () => {
  for (const { name, source } of scripts) {
    assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|unsafe-(html|svg|mathml)/, name);
  }
});

test("every picture is shown somewhere", () => {
  const drawn = scripts.find(({ name }) => name === "view/icons.js")?.source ?? "";
  const names = [...drawn.matchAll(/^ {2}(\w+): icon\(/gm)].map(([, name]) => name);
  assert.ok(0 < names.length);
  for (const name of names) assert.ok(scripts.some(({ source }) => source.includes(`ICONS.${name}`)), name);
});

test("every script is checked", () => {
  for (const { name, source } of scripts) assert.match(source, /^\/\/ @ts-check\n\/\*\*/, name);
});

test("no module imports itself through others, be it for a type only", () => {
  /** @type {Map<string, string[]>} */
  const imports = new Map();
  for (const { name, source } of scripts) {
    const paths = [...source.matchAll(/(?:from |import\()"(\.[^"]+)"/g)].map(([, path = ""]) => posix.join(posix.dirname(name), path));
    for (const path of paths) assert.ok(scripts.some((script) => script.name === path), `${name} imports ${path}`);
    imports.set(name, paths);
  }
  /** @param {string} name @param {string[]} importers */
  const follow = (name, importers) => {
    assert.ok(!importers.includes(name), [...importers, name].join(" imports "));
    for (const path of imports.get(name) ?? []) follow(path, [...importers, name]);
    imports.delete(name);
  };
  for (const { name } of scripts) follow(name, []);
});

test("the page has what it and its tests look for", () => {
  for (const id of ["side", "head", "scroller", "messages", "pending", "banner", "form", "input", "drawer", "dialog", "announcer"]) {
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
    assert.equal(roomFromHash(hash), room);
  });
}

/** @type {[what: string, change: Partial<import("../../static/js/model/status.js").ConnectionStatus>, says: RegExp][]} */
const BANNERS = [
  ["all is well", {}, /^$/],
  ["the first connection is being made", { online: false, wasOnline: false }, /^Connecting/],
  ["the first connection has failed", { online: false, wasOnline: false, retryInMs: 900 }, /^No connection\. Reconnecting in 1 s/],
  ["the connection was lost", { online: false }, /^Connection lost\. Reconnecting…/],
  ["it will be tried again", { online: false, retryInMs: 2_100 }, /Reconnecting in 3 s/],
  ["there is no network", { online: false, networkUp: false }, /^You are offline/],
  ["the node refused", { online: false, refusedBecause: "full: come later" }, /full: come later/],
  ["it is not known what is missing", { room: "behind" }, /^Catching up…/],
  ["messages are missing", { room: "behind", missing: 312 }, /^Catching up: 312 messages missed/],
  ["one message is missing", { room: "behind", missing: 1 }, /1 message missed/],
  ["the room was refused", { room: "refused", roomRefusal: "too many rooms" }, /cannot be entered: too many rooms/],
  ["the browser is wrong about its network", { networkUp: false }, /^$/],
];

for (const [what, change, says] of BANNERS) {
  test(`the banner says that ${what}`, () => {
    const well = { online: true, wasOnline: true, networkUp: true, refusedBecause: "", retryInMs: null, room: /** @type {const} */ ("live"), missing: 0, roomRefusal: "" };
    assert.match(bannerFor({ ...well, ...change }).text, says);
  });
}

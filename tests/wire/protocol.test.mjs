// @ts-check
/** docs/PROTOCOL.md matches the code: error codes, notices, deviations, and examples that run. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { TIMEOUT_MS, startNodes } from "./harness.mjs";

const ROOT = new URL("../../", import.meta.url);
const read = (/** @type {string} */ path) => readFileSync(new URL(path, ROOT), "utf8");
const PROTOCOL = read("docs/PROTOCOL.md");
/** @param {string} text @param {RegExp} pattern */
const all = (text, pattern) => [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ""))].sort();
/** The code words of one section of the document. @param {string} title @param {RegExp} pattern */
const listed = (title, pattern) => all(PROTOCOL.split(`\n## ${title}\n`)[1]?.split("\n## ")[0] ?? "", pattern);

test("every refusal code of the sources is listed, and no other", () => {
  const declared = [...read("src/gateway/protocol/code.rs").matchAll(/^ {4}(\w+) = "(\w+)",$/gm)];
  const codes = declared.map(([, , code = ""]) => code);
  assert.ok(codes.includes("bad_room") && codes.includes("busy") && codes.includes("rate_limited"));
  const rows = listed("Refusals", /^\|((?: ?`\w+`,?)+) \|/gm).flatMap((cell) => all(cell, /`(\w+)`/g));
  assert.deepEqual(rows.sort(), [...codes].sort());

  const isList = (/** @type {string} */ file) => ["code.rs", "error.rs"].some((name) => file.endsWith(name));
  const sources = ["gateway", "http"].flatMap((folder) =>
    readdirSync(new URL(`src/${folder}`, ROOT), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".rs") && !isList(file)).map((file) => read(`src/${folder}/${file}`)));
  const used = new Set(sources.flatMap((source) => all(source, /ErrorCode::([A-Z]\w+)/g)));
  for (const [, name = ""] of declared) assert.ok(used.has(name), `no source refuses with ${name}`);
});

test("every notice code of the sources is listed, and no other", () => {
  const sources = ["tutorial/socket", "socketio/sink"].map((file) => read(`src/gateway/${file}.rs`)).join();
  assert.deepEqual(listed("Notices", /^\| `(\w+)`/gm), all(sources, /json!\(\{ "code": "(\w+)"/g));
});

test("every deviation of the engine that a test asserts is listed, and no other", () => {
  const tested = all(read("tests/wire/engine.test.mjs"), /DEVIATION ([\w-]+):/g);
  // Missing features have no packet to assert.
  const absent = ["no-state-recovery"];
  assert.deepEqual(listed("What differs from the original server", /^- `([\w-]+)`:/gm), [...tested, ...absent].sort());
});

const examples = [...PROTOCOL.matchAll(/```js\n(.*?)```\n\n```text\n(.*?)```/gs)];
for (const [at, [, code = "", output]] of examples.entries()) {
  test(`example ${at + 1} runs and prints what the document says`, async (t) => {
    const [base = ""] = await startNodes(t);
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code], {
      cwd: fileURLToPath(ROOT),
      env: { ...process.env, CHORUS_URL: base, NODE_TEST_CONTEXT: "", NO_COLOR: "1" },
      timeout: TIMEOUT_MS,
    });
    assert.equal(stdout, output);
  });
}

test("no example is left out", () => {
  assert.equal(examples.length, PROTOCOL.split("```js\n").length - 1);
});

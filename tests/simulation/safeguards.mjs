// Takes one safeguard at a time out of a copy of the product, and shows that the simulation's ordinary rules notice.
//
// usage: node tests/simulation/safeguards.mjs [WORD ...]      (of the safeguards' names; none: all)

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const FOLDER = join(process.env.CARGO_TARGET_DIR || join(ROOT, "target"), "safeguards");
const COPY = join(FOLDER, "source");

/** What cargo needs to build the simulation. */
const PARTS = ["Cargo.toml", "Cargo.lock", "build.rs", "src", "static", "benches", "tests", "loadtest"];

/** What makes each safeguard none: texts, each of which is in its file once, and what takes their place. */
const SAFEGUARDS = [
  {
    name: "the sweep",
    edits: [
      [
        "src/chat/hub.rs",
        "growth.heads.into_iter().for_each(|(name, head)| self.learn_by_sweep(&name, head));",
        "",
      ],
    ],
  },
  {
    // A room and its tail check it both, so that either alone would do.
    name: "the check that each message follows the one before",
    edits: [
      [
        "src/chat/cursor.rs",
        "while let Some(message) = self.early.remove(&self.head.next()) {",
        "while let Some((_, message)) = self.early.pop_first() {",
      ],
      [
        "src/chat/cursor.rs",
        "if self.messages.back().is_some_and(|last| last.seq.next() != message.seq) {",
        "if false {",
      ],
    ],
  },
  {
    name: "the nonce that stores once",
    edits: [
      [
        "src/store/memory.rs",
        "scope.as_ref().and_then(|scope| self.nonces.get(scope))",
        "scope.as_ref().and_then(|scope| self.nonces.get(scope)).filter(|_| false)",
      ],
    ],
  },
  {
    name: "a sender's order across refusals",
    edits: [
      [
        "src/chat/sender.rs",
        "lock(order).admits(index, &post.room, nonce, Instant::now())",
        "lock(order).admits(index, &post.room, nonce, Instant::now()).or(Some(index))",
      ],
    ],
  },
  {
    name: "the clock that nobody sets, for a refused post's wait",
    edits: [
      [
        "src/chat/sender.rs",
        "lock(order).admits(index, &post.room, nonce, Instant::now())",
        "lock(order).admits(index, &post.room, nonce, Instant::now() + std::time::Duration::from_millis(self.chat.clock().now().0))",
      ],
      [
        "src/chat/sender.rs",
        "lock(order).refused(place, &post.room, nonce, Instant::now())",
        "lock(order).refused(place, &post.room, nonce, Instant::now() + std::time::Duration::from_millis(self.chat.clock().now().0))",
      ],
    ],
  },
  {
    name: "the cursor that stands still when its socket is full",
    edits: [
      [
        "src/chat/session.rs",
        "let taken = &messages[..outlet.deliver(name, messages, pace)];",
        "outlet.deliver(name, messages, pace);\n            let taken = messages;",
      ],
    ],
  },
  {
    name: "the memory of whom an answer named",
    edits: [
      [
        "src/chat/presence.rs",
        "members.iter().filter(|author| !self.told.contains_key(&author.id));",
        "members.iter().filter(|_| false);",
      ],
    ],
  },
];

function copy() {
  rmSync(COPY, { recursive: true, force: true });
  for (const part of PARTS) {
    mkdirSync(dirname(join(COPY, part)), { recursive: true });
    cpSync(join(ROOT, part), join(COPY, part), { recursive: true, preserveTimestamps: true });
  }
}

/** Runs these seeds, or the usual ones, on the copy. Compiled dependencies are the checkout's; nothing of its own is replaced. */
function simulate(seeds) {
  const built = join(FOLDER, "built");
  const args = ["test", "--locked", "--features", "failpoints", "--test", "simulation", "every_seed"];
  const env = {
    ...process.env,
    CARGO_BUILD_BUILD_DIR: process.env.CARGO_TARGET_DIR || join(ROOT, "target"),
    CARGO_TARGET_DIR: built,
    CHORUS_COMMIT: "unknown",
    RUST_BACKTRACE: "0",
    SEEDS: seeds,
    FAILURES: "1",
  };
  const { stdout, stderr } = spawnSync("cargo", args, { cwd: COPY, env, encoding: "utf8", maxBuffer: 1 << 28 });
  return stdout + stderr;
}

/** The first seed that failed, and its line. */
const failure = (output) => output.match(/^seed (\d+): .*$/m) ?? [];

/** Takes a safeguard out, runs the simulation, and once more the seed that failed; then puts the safeguard back. */
function remove({ name, edits }) {
  const originals = new Map();
  for (const [file, text, instead] of edits) {
    const path = join(COPY, file);
    const source = readFileSync(path, "utf8");
    if (!originals.has(path)) originals.set(path, source);
    const found = source.split(text).length - 1;
    if (found !== 1) throw new Error(`${name}: ${file} has ${found} times what is to be taken out: ${text}`);
    writeFileSync(path, source.replace(text, () => instead));
  }
  const output = simulate("");
  const [noticed, seed] = failure(output);
  const replayed = noticed && failure(simulate(seed))[0];
  for (const [path, source] of originals) writeFileSync(path, source);
  return { output, noticed, replayed };
}

const words = process.argv.slice(2);
const chosen = SAFEGUARDS.filter(({ name }) => words.every((word) => name.includes(word)));
let failed = 0;
copy();
for (const safeguard of chosen) {
  const { output, noticed, replayed } = remove(safeguard);
  console.log(`without ${safeguard.name}: ${noticed ?? `NOTHING WAS NOTICED\n${output}`}`);
  if (noticed && replayed !== noticed) console.log(`  ITS REPLAY DIFFERS: ${replayed}`);
  if (!noticed || replayed !== noticed) failed += 1;
}
console.log(`safeguards: ${chosen.length - failed} of ${chosen.length} noticed, and replayed`);
process.exit(failed === 0 && 0 < chosen.length ? 0 : 1);

// Disables one safeguard at a time in a copy of the product and shows that the simulation notices.
//
// usage: node tests/simulation/safeguards.mjs [WORD ...]      (run the safeguards whose names contain all WORDs)

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const FOLDER = join(process.env.CARGO_TARGET_DIR || join(ROOT, "target"), "safeguards");
const COPY = join(FOLDER, "source");

/** What cargo needs to build the simulation. */
const PARTS = ["Cargo.toml", "Cargo.lock", "build.rs", "src", "static", "benches", "tests", "loadtest"];

/** An instant that jumps when the wall clock is set. */
const WALL_CLOCK =
  "Instant::now() + std::time::Duration::from_millis(self.sender.appender.clock().now().0)";

/** The edits that disable each safeguard: a file, a text that it contains once, and the replacement. */
const SAFEGUARDS = [
  {
    name: "the sweep",
    edits: [
      ["src/chat/fanout/hub.rs", "self.learn_by_sweep(changes);", "let _ = (Self::learn_by_sweep, changes.heads);"],
    ],
  },
  {
    // The reorder buffer and the tail both check it, so that either one would do.
    name: "the check that each message follows the one before",
    edits: [
      [
        "src/chat/fanout/reorder_buffer.rs",
        "while let Some(message) = self.early.remove(&self.head.next()) {",
        "while let Some((_, message)) = self.early.pop_first() {",
      ],
      [
        "src/chat/fanout/tail.rs",
        "if self.messages.back().is_some_and(|last| last.seq.next() != message.seq) {",
        "if false {",
      ],
    ],
  },
  {
    name: "the nonce that stores once",
    edits: [["src/store/memory/state.rs", "self.nonces.get(key)", "self.nonces.get(key).filter(|_| false)"]],
  },
  {
    name: "a sender's order across refusals",
    edits: [
      [
        "src/chat/publish/ordered_sender.rs",
        "lock(&self.order).admits(index, &post.room, nonce, Instant::now())",
        "lock(&self.order).admits(index, &post.room, nonce, Instant::now()).or(Some(index))",
      ],
    ],
  },
  {
    // The wait is measured by the wall clock, which can be set, and not by the monotonic one.
    name: "the clock that nobody sets, for a refused post's wait",
    edits: [
      [
        "src/chat/publish/sender.rs",
        "    appender: Arc<Appender>,\n    author: Author,\n    rate: RateLimit,\n}",
        "    pub(super) appender: Arc<Appender>,\n    author: Author,\n    rate: RateLimit,\n}",
      ],
      [
        "src/chat/publish/ordered_sender.rs",
        "lock(&self.order).admits(index, &post.room, nonce, Instant::now())",
        `lock(&self.order).admits(index, &post.room, nonce, ${WALL_CLOCK})`,
      ],
      [
        "src/chat/publish/ordered_sender.rs",
        "lock(&self.order).refused(index, &post.room, nonce, Instant::now())",
        `lock(&self.order).refused(index, &post.room, nonce, ${WALL_CLOCK})`,
      ],
    ],
  },
  {
    name: "the cursor that stands still when its socket is full",
    edits: [
      [
        "src/chat/delivery/session.rs",
        "let taken = &messages[..sink.deliver(name, messages, pace)];",
        "sink.deliver(name, messages, pace);\n            let taken = messages;",
      ],
    ],
  },
  {
    name: "the memory of whom a response named",
    edits: [
      [
        "src/chat/presence/room_presence.rs",
        "members.iter().filter(|author| !self.announced.contains_key(&author.id));",
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

/**
 * Runs these seeds, or the usual ones, on the copy. It shares the checkout's compiled dependencies and has an output
 * folder of its own, so that the checkout's binaries stay.
 */
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

/** The line of the first seed that failed, and the seed. */
const failure = (output) => output.match(/^seed (\d+): .*$/m) ?? [];

/** Disables a safeguard, runs the simulation, replays the seed that failed, and restores the safeguard. */
function disable({ name, edits }) {
  const originals = new Map();
  for (const [file, text, replacement] of edits) {
    const path = join(COPY, file);
    const source = readFileSync(path, "utf8");
    if (!originals.has(path)) originals.set(path, source);
    const found = source.split(text).length - 1;
    if (found !== 1) throw new Error(`${name}: ${file} contains this ${found} times instead of once: ${text}`);
    writeFileSync(path, source.replace(text, () => replacement));
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
  const { output, noticed, replayed } = disable(safeguard);
  console.log(`without ${safeguard.name}: ${noticed ?? `NOTHING WAS NOTICED\n${output}`}`);
  if (noticed && replayed !== noticed) console.log(`  ITS REPLAY DIFFERS: ${replayed}`);
  if (!noticed || replayed !== noticed) failed += 1;
}
console.log(`safeguards: ${chosen.length - failed} of ${chosen.length} noticed and replayed`);
process.exit(failed === 0 && 0 < chosen.length ? 0 : 1);

// @ts-check
/**
 * Copies what the page needs from npm into static/vendor, from where the node embeds and serves it.
 * Run it by `npm run ui`, before building the node.
 */
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const FROM = new URL("node_modules/", import.meta.url);
const TO = new URL("static/vendor/", import.meta.url);

// The page imports the module; the other two are what clients of a Socket.IO server expect at
// /socket.io/. Each names its source map.
const SOCKET_IO = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"]
  .flatMap((name) => [name, `${name}.map`])
  .map((name) => [`socket.io-client/dist/${name}`, name]);

// The renderer and the directives that the page uses, in the folders that they know each other by.
const LIT_HTML = ["lit-html.js", "directive.js", "directive-helpers.js", "directives/guard.js", "directives/live.js", "directives/repeat.js"]
  .map((name) => [`lit-html/${name}`, `lit-html/${name}`]);

rmSync(TO, { recursive: true, force: true });
for (const [from = "", to = ""] of [...SOCKET_IO, ...LIT_HTML]) {
  const target = fileURLToPath(new URL(to, TO));
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(new URL(from, FROM), target);
  console.log(`copied ${target}`);
}

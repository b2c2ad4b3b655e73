// @ts-check
/**
 * Copies the page's npm dependencies to static/vendor, which the node embeds and serves.
 * Run it with `npm run ui` before building the node.
 */
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const FROM = new URL("node_modules/", import.meta.url);
const TO = new URL("static/vendor/", import.meta.url);

// The page imports the ES module; the other two are served at /socket.io/, where Socket.IO clients expect
// them. Each refers to its source map.
const SOCKET_IO = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"]
  .flatMap((name) => [name, `${name}.map`])
  .map((name) => [`socket.io-client/dist/${name}`, name]);

// The renderer and the directives that the page uses, in the folder layout that their imports need.
const LIT_HTML = ["lit-html.js", "directive.js", "directive-helpers.js", "directives/guard.js", "directives/live.js", "directives/repeat.js"]
  .map((name) => [`lit-html/${name}`, `lit-html/${name}`]);

rmSync(TO, { recursive: true, force: true });
for (const [from = "", to = ""] of [...SOCKET_IO, ...LIT_HTML]) {
  const target = fileURLToPath(new URL(to, TO));
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(new URL(from, FROM), target);
  console.log(`copied ${target}`);
}

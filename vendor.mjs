// @ts-check
/**
 * Copies the Socket.IO client from npm into static/vendor, from where the node embeds and serves it.
 * Run it by `npm run ui`, before building the node.
 */
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FROM = new URL("node_modules/socket.io-client/dist/", import.meta.url);
const TO = new URL("static/vendor/", import.meta.url);

// The page imports the module; the other two are what clients of a Socket.IO server expect at
// /socket.io/. Each names its source map.
const SCRIPTS = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"];

rmSync(TO, { recursive: true, force: true });
mkdirSync(TO, { recursive: true });
for (const name of SCRIPTS.flatMap((script) => [script, `${script}.map`])) {
  copyFileSync(new URL(name, FROM), new URL(name, TO));
  console.log(`copied ${fileURLToPath(new URL(name, TO))}`);
}

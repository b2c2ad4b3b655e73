// @ts-check
/**
 * Writes a chat.db of the Socket.IO tutorial with 100,000 messages, for `chorus import`.
 *
 *     node tests/browser/crowd.mjs FILE
 */
import { writeFileSync } from "node:fs";
import initSqlJs from "sql.js";

const MESSAGES = 100_000;

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error("usage: crowd.mjs FILE");

const { Database } = await initSqlJs();
const database = new Database();
database.run("CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, client_offset TEXT UNIQUE, content TEXT)");
database.run("BEGIN");
const insert = database.prepare("INSERT INTO messages (client_offset, content) VALUES (?, ?)");
for (let n = 1; n <= MESSAGES; n += 1) insert.run([`crowd-${n}`, `message ${n} of a crowd, ${"with some words ".repeat(n % 7)}at its end`]);
insert.free();
database.run("COMMIT");
writeFileSync(file, database.export());

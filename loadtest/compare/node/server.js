// The chat of the Socket.IO tutorial after its last step: messages in SQLite with a unique client
// offset, and processes connected by the Redis adapter.
//
//   PORT        where it listens
//   REDIS_URL   the Redis that connects the processes
//   DATABASE    the SQLite file
//   WAL=1       uses a write-ahead log and a busy timeout, which the tutorial does not have

import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import express from "express";
import { createClient } from "redis";
import { Server } from "socket.io";
import { open } from "sqlite";
import sqlite3 from "sqlite3";

const { PORT, REDIS_URL, DATABASE, WAL } = process.env;
const SQLITE_CONSTRAINT = 19;

const db = await open({ filename: DATABASE, driver: sqlite3.Database });
if (WAL) await db.exec("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL;");
await db.exec(`CREATE TABLE IF NOT EXISTS messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  client_offset TEXT UNIQUE,
  content TEXT
)`);

// The adapter does not catch errors of commands: with the client's default of 5 s, an event loop that is busy for longer
// ends the process.
const publisher = createClient({ url: REDIS_URL, commandOptions: { timeout: 60_000 } });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const app = express();
const server = createServer(app);
const io = new Server(server, {
  connectionStateRecovery: {},
  adapter: createAdapter(publisher, subscriber),
});

io.on("connection", async (socket) => {
  socket.on("chat message", async (content, clientOffset, callback) => {
    let result;
    try {
      result = await db.run("INSERT INTO messages (content, client_offset) VALUES (?, ?)", content, clientOffset);
    } catch (error) {
      // Already stored: ack it. After any other error the client retries.
      if (error.errno === SQLITE_CONSTRAINT) callback();
      return;
    }
    io.emit("chat message", content, result.lastID);
    callback();
  });

  if (!socket.recovered) {
    try {
      const after = socket.handshake.auth.serverOffset || 0;
      await db.each("SELECT id, content FROM messages WHERE id > ?", [after], (_error, row) => {
        socket.emit("chat message", row.content, row.id);
      });
    } catch {
      // As in the tutorial: a client that connects while the file is locked gets no history.
    }
  }
});

server.listen(PORT, "127.0.0.1");

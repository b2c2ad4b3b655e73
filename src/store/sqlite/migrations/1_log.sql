-- What the log knows of itself: its epoch and its key; `probe` is only ever written.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- A room and what of it is there: seqs pruned + 1 to head.
CREATE TABLE room (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    head INTEGER NOT NULL DEFAULT 0,
    pruned INTEGER NOT NULL DEFAULT 0,
    CHECK (0 <= pruned AND pruned <= head)
) STRICT;

-- AUTOINCREMENT, so that no position is given twice, also after pruning. What
-- growth() reads comes first, so that it never touches a long text's pages.
CREATE TABLE message (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    room_id INTEGER NOT NULL REFERENCES room (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    author_id TEXT NOT NULL,
    author_name TEXT NOT NULL,
    nonce TEXT,
    node TEXT NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (room_id, seq)
) STRICT;

-- Who has said what under which nonce; it outlives the message by being its own table.
CREATE TABLE nonce (
    room_id INTEGER NOT NULL REFERENCES room (id),
    author_id TEXT NOT NULL,
    nonce TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (room_id, author_id, nonce)
) STRICT, WITHOUT ROWID;

CREATE INDEX nonce_by_age ON nonce (at);

-- The log's epoch and its key. `probe` is written to find out whether the log can be written.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- A room. The log holds its seqs pruned + 1 to head.
CREATE TABLE room (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    head INTEGER NOT NULL DEFAULT 0,
    pruned INTEGER NOT NULL DEFAULT 0,
    CHECK (0 <= pruned AND pruned <= head)
) STRICT;

-- AUTOINCREMENT, so that no position is used twice, even after pruning. The columns that changes_since() reads come
-- first, so that it never reads the overflow pages of a long text.
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

-- Recorded nonces. A table of its own, so that a nonce outlives its message.
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

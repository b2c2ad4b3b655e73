-- The words of ordinary messages, by the position of the message: what is said now, not what it was before an edit.
-- It holds no text and no places in it, only who has which word. The janitor fills it up to the position that
-- meta's 'search' says; what lies beyond is looked at when someone searches. The room is a word, too: `_` and
-- its id, which no text has.
CREATE VIRTUAL TABLE search USING fts5 (
    words,
    content = '',
    contentless_delete = 1,
    detail = none,
    tokenize = "ascii tokenchars '_'"
);

-- What an ordinary message says now: only edits and deletions are in it.
CREATE INDEX message_change ON message (room_id, of) WHERE kind IN ('edit', 'delete');

-- The words of ordinary messages, with the message's position as the rowid; of an edited message, those of its
-- current text. It stores neither texts nor offsets. The janitor fills it up to the position in meta's 'search'; a
-- search scans the messages after that. The room is indexed as a word: `_` and its id, which no text contains.
CREATE VIRTUAL TABLE search USING fts5 (
    words,
    content = '',
    contentless_delete = 1,
    detail = none,
    tokenize = "ascii tokenchars '_'"
);

-- Finds the current text of an ordinary message. Edits and deletions only.
CREATE INDEX message_change ON message (room_id, of) WHERE kind IN ('edit', 'delete');

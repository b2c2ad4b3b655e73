-- The target of an amendment, and the author's colour. Both may be NULL, so that a node of the release before can
-- still store messages: it names its columns and leaves these out.
ALTER TABLE message ADD COLUMN of INTEGER;
ALTER TABLE message ADD COLUMN author_color INTEGER;

-- Amendments only: storing an ordinary message does not write to it.
CREATE INDEX message_of ON message (room_id, of) WHERE of IS NOT NULL;

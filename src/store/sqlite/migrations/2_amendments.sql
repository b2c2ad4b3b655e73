-- What a message is about, and the colour of who said it. Both may be absent, so that a node of the release
-- before goes on storing messages: it names its columns and leaves these out.
ALTER TABLE message ADD COLUMN of INTEGER;
ALTER TABLE message ADD COLUMN author_color INTEGER;

-- Only amendments are in it: an ordinary message costs it nothing.
CREATE INDEX message_of ON message (room_id, of) WHERE of IS NOT NULL;

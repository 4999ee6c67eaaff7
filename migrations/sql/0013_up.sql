-- What is counted for a group and is no decision about anybody. The day is UTC's.
CREATE TABLE group_days (
    bot_id    bigint NOT NULL REFERENCES bots ON DELETE CASCADE,
    group_id  bigint NOT NULL,
    day       date NOT NULL,
    unasked   bigint NOT NULL,
    PRIMARY KEY (bot_id, group_id, day)
) WITH (fillfactor = 50);
COMMENT ON COLUMN group_days.unasked IS 'Messages of members that needed no question to Telegram, Redis or PostgreSQL.';
CREATE INDEX group_days_by_age ON group_days (day);
-- Who came in lately is counted for a group; who was there before is not in the index.
CREATE INDEX group_members_seen_joined ON group_members_seen (bot_id, group_id, joined_at) WHERE joined_at IS NOT NULL;

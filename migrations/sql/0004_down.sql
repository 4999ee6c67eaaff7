DROP INDEX scheduled_actions_dead;
DROP INDEX group_aliases_group;
DROP INDEX restrictions_open_group;
CREATE INDEX restrictions_open_group ON restrictions (bot_id, group_id) WHERE closed_at IS NULL;
DROP INDEX restrictions_closed_user;

DROP FUNCTION drop_event_partitions(timestamptz);
DROP FUNCTION make_event_partitions(timestamptz, integer);
-- Back to one partition for everything, with the events in it.
CREATE TABLE verification_events_kept AS
    SELECT at, bot_id, group_id, user_id, outcome, detail FROM verification_events;
DROP TABLE verification_events;
CREATE TABLE verification_events (
    at        timestamptz NOT NULL DEFAULT now(),
    bot_id    bigint NOT NULL,
    group_id  bigint NOT NULL,
    user_id   bigint NOT NULL,
    outcome   text NOT NULL,
    detail    text
) PARTITION BY RANGE (at);
CREATE TABLE verification_events_rest PARTITION OF verification_events DEFAULT;
INSERT INTO verification_events SELECT * FROM verification_events_kept;
DROP TABLE verification_events_kept;
CREATE INDEX verification_events_group ON verification_events (bot_id, group_id, at DESC);
CREATE INDEX verification_events_user ON verification_events (bot_id, user_id, at DESC);

ALTER TABLE restrictions DROP COLUMN cause;

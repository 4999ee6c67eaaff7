-- One index finds the case of a user in a group and all cases of a group, another one the cases of a user. As long as a
-- second index began with the group, PostgreSQL took it for as good and read all cases of a group for one of them.
-- `done` is along for counting.
DROP INDEX restrictions_open;
DROP INDEX restrictions_open_group;
CREATE UNIQUE INDEX restrictions_open ON restrictions (bot_id, group_id, user_id) INCLUDE (done) WHERE closed_at IS NULL;
CREATE INDEX restrictions_open_user ON restrictions (bot_id, user_id) WHERE closed_at IS NULL;
CREATE INDEX restrictions_prompt ON restrictions (bot_id, prompt_message_id) WHERE closed_at IS NULL;
CREATE INDEX protected_groups_bot ON protected_groups (bot_id) WHERE protected;

-- A group has one bot. Without knowing that, PostgreSQL expects a hundredth of a group's rows where there are a hundred
-- bots, and reads all of them to sort them.
CREATE STATISTICS restrictions_bot (dependencies) ON bot_id, group_id FROM restrictions;
CREATE STATISTICS group_channel_links_bot (dependencies) ON bot_id, channel_id FROM group_channel_links;
CREATE STATISTICS group_members_seen_bot (dependencies) ON bot_id, group_id FROM group_members_seen;
DO $$
DECLARE
    part text;
BEGIN
    FOR part IN
        SELECT inhrelid::regclass::text FROM pg_inherits
        WHERE inhparent = 'verification_events'::regclass AND inhrelid::regclass::text ~ '_\d{8}$'
    LOOP
        EXECUTE format('CREATE STATISTICS %I (dependencies) ON bot_id, group_id FROM %I', part || '_bot', part);
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION make_event_partitions(moment timestamptz, weeks integer) RETURNS integer
LANGUAGE plpgsql SET timezone = 'UTC' SET lock_timeout = '500ms' AS $$
DECLARE
    week timestamptz;
    part text;
    made integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('verification_events')) THEN
        RETURN 0;
    END IF;
    FOR week IN
        SELECT generate_series(date_trunc('week', moment), moment + make_interval(weeks => weeks), interval '1 week')
        UNION SELECT date_trunc('week', at) FROM verification_events_rest
    LOOP
        part := 'verification_events_' || to_char(week, 'YYYYMMDD');
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        LOCK TABLE verification_events_rest IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('CREATE TABLE %I (LIKE verification_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
        EXECUTE format(
            'WITH moved AS (DELETE FROM verification_events_rest WHERE at >= %2$L AND at < %3$L RETURNING *) '
            'INSERT INTO %1$I SELECT * FROM moved', part, week, week + interval '1 week');
        EXECUTE format('ALTER TABLE verification_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            part, week, week + interval '1 week');
        EXECUTE format('CREATE STATISTICS %I (dependencies) ON bot_id, group_id FROM %I', part || '_bot', part);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

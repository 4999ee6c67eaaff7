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
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT stxname FROM pg_statistic_ext WHERE stxname ~ '^verification_events_\d{8}_bot$' LOOP
        EXECUTE format('DROP STATISTICS %I', name);
    END LOOP;
END
$$;
DROP STATISTICS group_members_seen_bot;
DROP STATISTICS group_channel_links_bot;
DROP STATISTICS restrictions_bot;

DROP INDEX protected_groups_bot;
DROP INDEX restrictions_prompt;
DROP INDEX restrictions_open_user;
DROP INDEX restrictions_open;
CREATE UNIQUE INDEX restrictions_open ON restrictions (bot_id, user_id, group_id) WHERE closed_at IS NULL;
CREATE INDEX restrictions_open_group ON restrictions (bot_id, group_id, prompt_message_id) WHERE closed_at IS NULL;

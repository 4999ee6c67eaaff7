-- Why a case is wanted as it is, so that its events can say by what somebody was muted or freed.
ALTER TABLE restrictions ADD COLUMN cause text;

-- Everything that GMBot decided about somebody. `outcome` is what happened and `detail` is why; both are text, so that
-- an older instance may meet what a newer one writes.
CREATE SEQUENCE verification_events_id AS bigint;
ALTER TABLE verification_events
    ADD COLUMN event_id bigint NOT NULL DEFAULT nextval('verification_events_id'),
    ADD COLUMN case_id bigint,
    ADD COLUMN seconds real,
    ADD COLUMN channels bigint[] NOT NULL DEFAULT '{}';
ALTER SEQUENCE verification_events_id OWNED BY verification_events.event_id;
COMMENT ON COLUMN verification_events.seconds IS 'How old the case was, NULL without one.';
COMMENT ON COLUMN verification_events.channels IS 'The channels that were missing, or the one that was left.';
-- By time, by bot, by group and by user, the newest first and a page at a time.
ALTER TABLE verification_events ADD PRIMARY KEY (at, event_id);
CREATE INDEX verification_events_bot ON verification_events (bot_id, at DESC, event_id DESC);
DROP INDEX verification_events_group;
CREATE INDEX verification_events_group ON verification_events (bot_id, group_id, at DESC, event_id DESC);
DROP INDEX verification_events_user;
CREATE INDEX verification_events_user ON verification_events (bot_id, user_id, at DESC, event_id DESC);

-- Partitions hold a week each, and are made ahead. What has no partition goes to the default one, which is moved here,
-- so no event ever fails for want of a partition. Returns how many were made; 0 also while somebody else makes them.
CREATE FUNCTION make_event_partitions(moment timestamptz, weeks integer) RETURNS integer
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

-- Drops the weeks that ended before `moment`, whole: nothing is read, and nothing is left for VACUUM.
CREATE FUNCTION drop_event_partitions(moment timestamptz) RETURNS integer
LANGUAGE plpgsql SET timezone = 'UTC' SET lock_timeout = '500ms' AS $$
DECLARE
    part text;
    dropped integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('verification_events')) THEN
        RETURN 0;
    END IF;
    FOR part IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'verification_events'::regclass AND c.relname ~ '^verification_events_\d{8}$'
          AND to_timestamp(right(c.relname, 8), 'YYYYMMDD') + interval '1 week' <= moment
        ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE %I', part);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM verification_events_rest WHERE at < moment;
    RETURN dropped;
END
$$;

SELECT make_event_partitions(now(), 4);

-- The echo of every mute looks for a closed case, and so does a user's history.
CREATE INDEX restrictions_closed_user ON restrictions (bot_id, user_id, group_id) WHERE closed_at IS NOT NULL;
-- A press on an old prompt looks for one message among all open cases of a group.
DROP INDEX restrictions_open_group;
CREATE INDEX restrictions_open_group ON restrictions (bot_id, group_id, prompt_message_id) WHERE closed_at IS NULL;
-- Which ids a group had before is looked up by the id it has now.
CREATE INDEX group_aliases_group ON group_aliases (bot_id, group_id);
CREATE INDEX scheduled_actions_dead ON scheduled_actions (dead_at) WHERE dead_at IS NOT NULL;

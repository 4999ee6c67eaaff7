-- Two databases that both take changes of the configuration. All of it lies in this schema, and goes with it.
--
-- Triggers write each change, with the time and the place it was made at, into `changes`, whose inserts are published
-- and which is empty otherwise. The other side compares the change with what it knows of the row, and the later one
-- stays. Deletions are changes as well, and are remembered.
CREATE SCHEMA gmbot_twin;

CREATE TABLE gmbot_twin.node (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), name text NOT NULL);

-- `own`: columns that mean something here only. `place`: parents come before their children.
CREATE TABLE gmbot_twin.tables (name text PRIMARY KEY, place integer NOT NULL, key text[] NOT NULL, own text[] NOT NULL);
INSERT INTO gmbot_twin.tables (name, place, key, own) VALUES
    ('bots', 1, '{bot_id}', '{seq,webhook_set,menu_set}'),
    ('owners', 2, '{bot_id,user_id}', '{}'),
    ('protected_groups', 2, '{bot_id,group_id}', '{seq}'),
    ('channels', 2, '{bot_id,channel_id}', '{}'),
    ('group_aliases', 3, '{bot_id,old_id}', '{}'),
    ('group_channel_links', 3, '{bot_id,group_id,channel_id}', '{}'),
    ('group_exemptions', 3, '{bot_id,group_id,user_id}', '{}'),
    ('channel_uses', 3, '{bot_id,channel_id,group_id}', '{joins}');

-- When and where each row was changed last.
CREATE TABLE gmbot_twin.stamps (
    table_name  text NOT NULL,
    key         jsonb NOT NULL,
    at          timestamptz NOT NULL,
    node        text NOT NULL,
    PRIMARY KEY (table_name, key)
);

-- `row` is NULL for a deletion. `base`: the change that this one was made upon; what comes upon another one meets a
-- change that its maker did not know. `announced`: told once more, for who has missed it.
CREATE TABLE gmbot_twin.changes (
    table_name  text NOT NULL,
    key         jsonb NOT NULL,
    row         jsonb,
    at          timestamptz NOT NULL,
    node        text NOT NULL,
    base_at     timestamptz,
    base_node   text,
    announced   boolean NOT NULL DEFAULT false
);

CREATE TABLE gmbot_twin.conflicts (
    conflict_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    found_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    table_name   text NOT NULL,
    key          jsonb NOT NULL,
    outcome      text NOT NULL,
    kept_at      timestamptz NOT NULL,
    kept_node    text NOT NULL
);
CREATE INDEX conflicts_age ON gmbot_twin.conflicts (found_at);

CREATE FUNCTION gmbot_twin.key_of(columns text[], content jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
SELECT jsonb_object_agg(name, content -> name) FROM unnest(columns) AS name
$$;

-- The row as it is here; NULL when there is none.
CREATE FUNCTION gmbot_twin.present(t gmbot_twin.tables, of_key jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    keys text := (SELECT string_agg(quote_ident(name), ', ') FROM unnest(t.key) AS name);
    content jsonb;
BEGIN
    EXECUTE format(
        'SELECT to_jsonb(x) - $2 FROM public.%1$I x
         WHERE (%2$s) IN (SELECT %2$s FROM jsonb_populate_record(NULL::public.%1$I, $1))', t.name, keys)
    INTO content USING of_key, t.own;
    RETURN content;
END
$$;

-- Makes a change of ours known, later than whatever it is made upon.
CREATE FUNCTION gmbot_twin.write(of_table text, of_key jsonb, content jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    base gmbot_twin.stamps;
    stamp timestamptz;
    here text := (SELECT name FROM gmbot_twin.node);
BEGIN
    SELECT * INTO base FROM gmbot_twin.stamps s WHERE s.table_name = of_table AND s.key = of_key FOR UPDATE;
    stamp := greatest(clock_timestamp(), base.at + interval '1 microsecond');
    INSERT INTO gmbot_twin.stamps VALUES (of_table, of_key, stamp, here)
    ON CONFLICT (table_name, key) DO UPDATE SET at = excluded.at, node = excluded.node;
    INSERT INTO gmbot_twin.changes VALUES (of_table, of_key, content, stamp, here, base.at, base.node);
    DELETE FROM gmbot_twin.changes;
END
$$;

CREATE FUNCTION gmbot_twin.capture() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    t gmbot_twin.tables;
    before jsonb;
    after jsonb;
BEGIN
    SELECT * INTO t FROM gmbot_twin.tables WHERE name = TG_TABLE_NAME;
    IF TG_OP <> 'INSERT' THEN before := to_jsonb(OLD) - t.own; END IF;
    IF TG_OP <> 'DELETE' THEN after := to_jsonb(NEW) - t.own; END IF;
    -- What is just being applied came from the other side, which knows it.
    IF before IS NOT DISTINCT FROM after
        OR current_setting('gmbot_twin.applying', true)
            = TG_TABLE_NAME || gmbot_twin.key_of(t.key, coalesce(after, before))::text
    THEN
        RETURN NULL;
    END IF;
    IF after IS NULL OR gmbot_twin.key_of(t.key, before) <> gmbot_twin.key_of(t.key, after) THEN
        PERFORM gmbot_twin.write(TG_TABLE_NAME, gmbot_twin.key_of(t.key, before), NULL);
    END IF;
    IF after IS NOT NULL THEN
        PERFORM gmbot_twin.write(TG_TABLE_NAME, gmbot_twin.key_of(t.key, after), after);
    END IF;
    RETURN NULL;
END
$$;

-- Puts a row as the other side has it; columns that this schema does not know are left out.
CREATE FUNCTION gmbot_twin.put(t gmbot_twin.tables, of_key jsonb, content jsonb, number bigint) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    full_row jsonb := content || jsonb_build_object('seq', number);
    names text;
    changes text;
    keys text := (SELECT string_agg(quote_ident(name), ', ') FROM unnest(t.key) AS name);
BEGIN
    IF content IS NULL THEN
        EXECUTE format('DELETE FROM public.%1$I WHERE (%2$s) IN (SELECT %2$s FROM jsonb_populate_record(NULL::public.%1$I, $1))',
            t.name, keys) USING of_key;
    ELSE
        SELECT string_agg(quote_ident(attname), ', '),
               string_agg(format('%1$I = excluded.%1$I', attname), ', ') FILTER (WHERE attname <> ALL (t.key))
        INTO names, changes
        FROM pg_attribute
        WHERE attrelid = format('public.%I', t.name)::regclass AND attnum > 0 AND NOT attisdropped AND full_row ? attname;
        EXECUTE format(
            'INSERT INTO public.%1$I (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::public.%1$I, $1)
             ON CONFLICT (%3$s) DO UPDATE SET %4$s', t.name, names, keys, changes) USING full_row;
    END IF;
    -- Instances read anew what has a new number, and look at open cases once more: nobody stays muted whom the change frees.
    IF t.name IN ('protected_groups', 'group_channel_links', 'group_exemptions') THEN
        UPDATE protected_groups SET seq = number
        WHERE bot_id = (of_key ->> 'bot_id')::bigint AND group_id = (of_key ->> 'group_id')::bigint;
        UPDATE restrictions r
        SET enforcement = coalesce(g.enforcement, r.enforcement), configuration = number,
            wanted = CASE WHEN g.protected THEN 'check' ELSE 'free' END,
            cause = CASE WHEN g.protected THEN 'policy' ELSE 'unprotect' END,
            version = version + 1, due_at = now(), attempts = 0
        FROM (VALUES (1)) AS one (row) LEFT JOIN protected_groups g
            ON g.bot_id = (of_key ->> 'bot_id')::bigint AND g.group_id = (of_key ->> 'group_id')::bigint
        WHERE r.closed_at IS NULL
          AND r.bot_id = (of_key ->> 'bot_id')::bigint AND r.group_id = (of_key ->> 'group_id')::bigint;
    ELSIF t.name = 'channels' THEN
        UPDATE protected_groups g SET seq = number FROM group_channel_links l
        WHERE l.bot_id = (of_key ->> 'bot_id')::bigint AND l.channel_id = (of_key ->> 'channel_id')::bigint
          AND g.bot_id = l.bot_id AND g.group_id = l.group_id;
    END IF;
END
$$;

CREATE FUNCTION gmbot_twin.note(change gmbot_twin.changes, what text) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO gmbot_twin.conflicts (table_name, key, outcome, kept_at, kept_node)
    SELECT table_name, key, what, at, node FROM gmbot_twin.stamps
    WHERE table_name = change.table_name AND key = change.key;
    DELETE FROM gmbot_twin.conflicts WHERE found_at < now() - interval '1 year';
    INSERT INTO audit_log (bot_id, actor, action, chat_id, detail, source)
    VALUES (
        coalesce((change.key ->> 'bot_id')::bigint, 0), 0, 'twin_conflict', (change.key ->> 'group_id')::bigint,
        jsonb_build_object('table', change.table_name, 'key', change.key, 'outcome', what, 'from', change.node), 'cli'
    );
END
$$;

-- Two rows want what only one may have. The later one gets it. Whoever has to do without is changed here, and the
-- change is told the other side, which comes to the same end by itself.
CREATE FUNCTION gmbot_twin.settle(t gmbot_twin.tables, change gmbot_twin.changes, reason text, number bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    rival bigint;
    rival_key jsonb;
    rivals gmbot_twin.stamps;
BEGIN
    IF reason = 'protected_groups_one_gate' THEN
        SELECT bot_id INTO rival FROM protected_groups
        WHERE group_id = (change.key ->> 'group_id')::bigint AND protected
          AND bot_id <> (change.key ->> 'bot_id')::bigint;
        rival_key := change.key || jsonb_build_object('bot_id', rival);
    ELSIF reason = 'bots_name' THEN
        SELECT bot_id INTO rival FROM bots
        WHERE lower(name) = lower(change.row ->> 'name') AND bot_id <> (change.key ->> 'bot_id')::bigint;
        rival_key := jsonb_build_object('bot_id', rival);
    ELSE
        RETURN false;
    END IF;
    SELECT * INTO rivals FROM gmbot_twin.stamps s WHERE s.table_name = t.name AND s.key = rival_key;
    IF rivals.at IS NULL OR (rivals.at, rivals.node) < (change.at, change.node) THEN
        IF t.name = 'bots' THEN
            UPDATE bots SET name = NULL, seq = number WHERE bot_id = rival;
        ELSE
            UPDATE protected_groups SET protected = false, paused_reason = NULL, seq = number
            WHERE bot_id = rival AND group_id = (change.key ->> 'group_id')::bigint;
            UPDATE restrictions SET wanted = 'free', cause = 'unprotect', configuration = number,
                version = version + 1, due_at = now(), attempts = 0
            WHERE bot_id = rival AND group_id = (change.key ->> 'group_id')::bigint AND closed_at IS NULL;
        END IF;
        PERFORM gmbot_twin.put(t, change.key, change.row, number);
    ELSE
        PERFORM set_config('gmbot_twin.applying', '', true);
        PERFORM gmbot_twin.put(t, change.key, change.row || CASE t.name
            WHEN 'bots' THEN '{"name": null}'::jsonb ELSE '{"protected": false, "paused_reason": null}'::jsonb
        END, number);
    END IF;
    RETURN true;
END
$$;

CREATE FUNCTION gmbot_twin.apply(t gmbot_twin.tables, change gmbot_twin.changes, number bigint) RETURNS text
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    reason text;
BEGIN
    BEGIN
        PERFORM gmbot_twin.put(t, change.key, change.row, number);
        RETURN NULL;
    EXCEPTION
        WHEN foreign_key_violation THEN
            reason := 'orphan';
        WHEN unique_violation THEN
            GET STACKED DIAGNOSTICS reason = CONSTRAINT_NAME;
    END;
    IF reason = 'orphan' THEN
        -- What it belongs to has been deleted here, so it goes, too: here, and there.
        PERFORM set_config('gmbot_twin.applying', '', true);
        PERFORM gmbot_twin.put(t, change.key, NULL, number);
        PERFORM gmbot_twin.write(t.name, change.key, NULL);
        RETURN 'orphan';
    END IF;
    RETURN CASE WHEN gmbot_twin.settle(t, change, reason, number) THEN reason ELSE 'not applied: ' || reason END;
END
$$;

-- Runs where changes of the other side come in. They are not kept in `changes`.
CREATE FUNCTION gmbot_twin.receive() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    t gmbot_twin.tables;
    mine gmbot_twin.stamps;
    number bigint;
    outcome text;
BEGIN
    SELECT * INTO t FROM gmbot_twin.tables WHERE name = NEW.table_name;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- First, as in every other change of the configuration: who holds this row waits for nobody.
    UPDATE config_counter SET seq = seq + 1 RETURNING seq INTO number;
    SELECT * INTO mine FROM gmbot_twin.stamps s WHERE s.table_name = NEW.table_name AND s.key = NEW.key FOR UPDATE;
    IF mine.at IS NOT NULL AND NOT NEW.announced
        AND (mine.at, mine.node) IS DISTINCT FROM (NEW.base_at, NEW.base_node)
        -- Both came to the same, as with what a deletion takes along.
        AND gmbot_twin.present(t, NEW.key) IS DISTINCT FROM NEW.row
    THEN
        outcome := CASE WHEN (NEW.at, NEW.node) > (mine.at, mine.node) THEN 'theirs' ELSE 'ours' END;
    END IF;
    IF mine.at IS NULL OR (NEW.at, NEW.node) > (mine.at, mine.node) THEN
        INSERT INTO gmbot_twin.stamps VALUES (NEW.table_name, NEW.key, NEW.at, NEW.node)
        ON CONFLICT (table_name, key) DO UPDATE SET at = excluded.at, node = excluded.node;
        -- Constraints hold for what comes in, too, and what they take along is a change of our own.
        PERFORM set_config('gmbot_twin.applying', NEW.table_name || NEW.key::text, true);
        PERFORM set_config('session_replication_role', 'origin', true);
        BEGIN
            outcome := coalesce(gmbot_twin.apply(t, NEW, number), outcome);
        EXCEPTION WHEN OTHERS THEN
            -- What another try may cure is tried again; anything else must not stop all that follows.
            IF SQLSTATE ~ '^(40|53|55|57|58)' THEN
                RAISE;
            END IF;
            outcome := 'not applied: ' || SQLSTATE;
        END;
        PERFORM set_config('session_replication_role', 'replica', true);
        PERFORM set_config('gmbot_twin.applying', '', true);
    END IF;
    IF outcome IS NOT NULL THEN
        PERFORM gmbot_twin.note(NEW, outcome);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER receive BEFORE INSERT ON gmbot_twin.changes FOR EACH ROW EXECUTE FUNCTION gmbot_twin.receive();
ALTER TABLE gmbot_twin.changes ENABLE REPLICA TRIGGER receive;

-- Tells everything there is, and what is gone, once more. Rows of before the twin count as changed when they say so,
-- else at `otherwise`.
CREATE FUNCTION gmbot_twin.announce(otherwise timestamptz) RETURNS bigint
LANGUAGE plpgsql SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    t gmbot_twin.tables;
    told bigint := 0;
    here text := (SELECT name FROM gmbot_twin.node);
BEGIN
    PERFORM FROM config_counter FOR UPDATE;
    CREATE TEMPORARY TABLE present (table_name text, key jsonb, content jsonb, PRIMARY KEY (table_name, key)) ON COMMIT DROP;
    FOR t IN SELECT * FROM gmbot_twin.tables ORDER BY place, name LOOP
        EXECUTE format('INSERT INTO present SELECT %L, gmbot_twin.key_of(%L, to_jsonb(x)), to_jsonb(x) - %L::text[] FROM public.%I x',
            t.name, t.key, t.own, t.name);
    END LOOP;
    INSERT INTO gmbot_twin.stamps
    SELECT table_name, key, coalesce((content ->> 'updated_at')::timestamptz, otherwise), here FROM present
    ON CONFLICT DO NOTHING;
    INSERT INTO gmbot_twin.changes
    SELECT s.table_name, s.key, p.content, s.at, s.node, s.at, s.node, true
    FROM gmbot_twin.stamps s
    JOIN gmbot_twin.tables known ON known.name = s.table_name
    LEFT JOIN present p ON p.table_name = s.table_name AND p.key = s.key
    ORDER BY known.place, s.table_name;
    GET DIAGNOSTICS told = ROW_COUNT;
    DELETE FROM gmbot_twin.changes;
    RETURN told;
END
$$;

-- Before the triggers of foreign keys, whose names begin with RI: parents are told before their children.
DO $$
DECLARE
    t text;
BEGIN
    FOR t IN SELECT name FROM gmbot_twin.tables LOOP
        EXECUTE format(
            'CREATE TRIGGER "A_gmbot_twin" AFTER INSERT OR UPDATE OR DELETE ON public.%I
             FOR EACH ROW EXECUTE FUNCTION gmbot_twin.capture()', t);
    END LOOP;
END
$$;

CREATE PUBLICATION gmbot_twin FOR TABLE gmbot_twin.changes WITH (publish = 'insert');

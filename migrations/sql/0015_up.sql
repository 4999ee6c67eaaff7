-- What is written into the audit stays as it was written. Two things may happen to an entry: it is dropped when it is
-- more than thirty days old, and the number of somebody who is to be forgotten becomes a pseudonym, which lies below
-- every number that Telegram gives.
CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < now() - interval '30 days' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE'
        AND (NEW.audit_id, NEW.at, NEW.bot_id, NEW.action, NEW.source)
            = (OLD.audit_id, OLD.at, OLD.bot_id, OLD.action, OLD.source)
        AND only_pseudonyms_differ(OLD.actor::text, NEW.actor::text)
        AND only_pseudonyms_differ(OLD.chat_id::text, NEW.chat_id::text)
        AND only_pseudonyms_differ(OLD.detail::text, NEW.detail::text)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit log is not changed: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE FUNCTION only_pseudonyms_differ(before text, after text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
SELECT regexp_replace(before, '-?\d+', '#', 'g') IS NOT DISTINCT FROM regexp_replace(after, '-?\d+', '#', 'g')
   AND NOT EXISTS (
     SELECT FROM
       (SELECT number[1], place FROM regexp_matches(before, '-?\d+', 'g') WITH ORDINALITY AS b (number, place)) b
       JOIN (SELECT number[1], place FROM regexp_matches(after, '-?\d+', 'g') WITH ORDINALITY AS a (number, place)) a
       USING (place)
     WHERE a.number <> b.number AND a.number::numeric NOT BETWEEN -9007199254740992 AND -4503599627370496
   )
$$;

CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_stays();
CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();

-- How a group is, in the one word that operators see and look for: read in the order of names, however few are so.
CREATE FUNCTION group_state(protected boolean, paused_reason text, enforcement text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN NOT protected THEN 'open'
              WHEN paused_reason IN ('admin', 'bot_disabled') THEN 'paused'
              WHEN paused_reason IS NOT NULL THEN 'trouble'
              WHEN enforcement = 'observe' THEN 'observing'
              ELSE 'protected' END
$$;
CREATE INDEX protected_groups_state
    ON protected_groups (group_state(protected, paused_reason, enforcement), lower(title), bot_id, group_id);
DROP INDEX protected_groups_paused;

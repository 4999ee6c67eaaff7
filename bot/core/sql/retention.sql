-- forget_cases --
DELETE FROM restrictions
WHERE restriction_id = ANY(ARRAY(
  SELECT restriction_id FROM restrictions WHERE closed_at < now() - make_interval(days => $1) ORDER BY closed_at LIMIT $2
));

-- forget_audit --
-- Numbers grow with time: the oldest entries are the lowest, and no index on the time is needed.
DELETE FROM audit_log
WHERE audit_id = ANY(ARRAY(SELECT audit_id FROM audit_log ORDER BY audit_id LIMIT $2))
  AND at < now() - make_interval(days => $1);

-- forget_letters --
DELETE FROM dead_letters WHERE died_at < now() - make_interval(days => $1) RETURNING bot_id, update_id;

-- forget_dead_actions --
DELETE FROM scheduled_actions WHERE dead_at < now() - make_interval(days => $1) RETURNING action_id;

-- forget_days --
DELETE FROM group_days
WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM group_days WHERE day < (now() AT TIME ZONE 'UTC')::date - $1::int ORDER BY day LIMIT $2
));

-- forget_members --
-- Walks along the primary key, a page at a time: an index on the time would be written at every sighting.
WITH page AS (
  SELECT bot_id, group_id, user_id, seen_at FROM group_members_seen
  WHERE (bot_id, group_id, user_id) > ($2, $3, $4)
  ORDER BY bot_id, group_id, user_id
  LIMIT $5
), gone AS (
  DELETE FROM group_members_seen s USING page p
  WHERE s.bot_id = p.bot_id AND s.group_id = p.group_id AND s.user_id = p.user_id
    AND p.seen_at < now() - make_interval(days => $1) AND s.seen_at = p.seen_at
)
SELECT bot_id, group_id, user_id FROM page ORDER BY bot_id DESC, group_id DESC, user_id DESC LIMIT 1;

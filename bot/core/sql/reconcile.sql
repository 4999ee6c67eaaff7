-- db_now --
SELECT now();

-- count_under_review --
SELECT count(*) FROM restrictions WHERE closed_at IS NULL AND review_version = version;

-- put_under_review --
-- Only where the gate is on: elsewhere the case would be taken for one that has to end. Groups are looked up row by
-- row: a join would read all groups for a handful of cases. Who went away is to be checked instead of muted.
WITH picked AS (
  SELECT r.restriction_id
  FROM restrictions r
  WHERE r.closed_at IS NULL AND (r.wanted = 'mute' OR (r.wanted = 'check' AND r.prompt_state = 'gone'))
    AND r.done IN ('muted', 'noticed') AND r.due_at > now()
    AND r.lease_owner IS NULL AND coalesce(r.reviewed_at, r.done_at) < $1
    AND (
      SELECT g.protected AND g.paused_reason IS NULL FROM protected_groups g
      WHERE g.bot_id = r.bot_id AND g.group_id = r.group_id
    )
    AND r.bot_id = ANY(ARRAY(SELECT bot_id FROM bots WHERE enabled AND refused_at IS NULL))
  ORDER BY coalesce(r.reviewed_at, r.done_at)
  LIMIT $2
  FOR UPDATE OF r SKIP LOCKED
)
UPDATE restrictions r
SET wanted = 'check', cause = 'review', version = version + 1, review_version = version + 1, reviewed_at = now(),
    due_at = now(), attempts = 0
FROM picked
WHERE r.restriction_id = picked.restriction_id
RETURNING r.restriction_id;

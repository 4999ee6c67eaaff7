-- db_now --
SELECT now();

-- count_under_review --
SELECT count(*) FROM restrictions WHERE closed_at IS NULL AND review_version = version;

-- put_under_review --
-- Only where the gate is on: elsewhere the case would be taken for one that has to end.
WITH picked AS (
  SELECT r.restriction_id
  FROM restrictions r
  JOIN protected_groups g USING (bot_id, group_id)
  JOIN bots b USING (bot_id)
  WHERE r.closed_at IS NULL AND r.wanted = 'mute' AND r.done IN ('muted', 'noticed') AND r.due_at > now()
    AND r.lease_owner IS NULL AND coalesce(r.reviewed_at, r.done_at) < $1
    AND g.protected AND g.paused_reason IS NULL AND b.enabled AND b.refused_at IS NULL
  ORDER BY coalesce(r.reviewed_at, r.done_at)
  LIMIT $2
  FOR UPDATE OF r SKIP LOCKED
)
UPDATE restrictions r
SET wanted = 'check', cause = 'review', version = version + 1, review_version = version + 1, reviewed_at = now(), due_at = now(),
    attempts = 0
FROM picked
WHERE r.restriction_id = picked.restriction_id
RETURNING r.restriction_id;

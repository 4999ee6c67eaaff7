-- knock --
INSERT INTO join_requests AS k (bot_id, group_id, user_id, language)
SELECT bot_id, group_id, $3, $4 FROM protected_groups WHERE bot_id = $1 AND group_id = $2 AND protected
ON CONFLICT (bot_id, group_id, user_id) DO UPDATE
SET due_at = now(), expires_at = excluded.expires_at, is_told = false, message_id = NULL, version = k.version + 1,
    attempts = 0;

-- knock_again --
-- They have joined a channel: it may be the last one.
UPDATE join_requests SET due_at = now(), version = version + 1, attempts = 0 WHERE bot_id = $1 AND user_id = $2;

-- take_knocks --
UPDATE join_requests
SET lease_owner = $1, lease_until = now() + interval '10 seconds'
WHERE (bot_id, group_id, user_id) IN (
  SELECT bot_id, group_id, user_id FROM join_requests
  WHERE due_at <= now() AND (lease_until IS NULL OR lease_until < now())
    AND bot_id <> ALL (ARRAY(SELECT bot_id FROM bots WHERE NOT enabled OR refused_at IS NOT NULL))
  ORDER BY due_at
  LIMIT $2
  FOR UPDATE SKIP LOCKED
)
RETURNING *;

-- knock_told --
UPDATE join_requests
SET is_told = true, message_id = $6, due_at = CASE WHEN version = $5 THEN expires_at ELSE due_at END, attempts = 0,
    lease_owner = NULL, lease_until = NULL
WHERE bot_id = $1 AND group_id = $2 AND user_id = $3 AND lease_owner = $4;

-- knock_later --
UPDATE join_requests
SET due_at = CASE WHEN version = $5 THEN now() + make_interval(secs => $6) ELSE due_at END, attempts = attempts + 1,
    lease_owner = NULL, lease_until = NULL
WHERE bot_id = $1 AND group_id = $2 AND user_id = $3 AND lease_owner = $4;

-- knock_done --
DELETE FROM join_requests
WHERE bot_id = $1 AND group_id = $2 AND user_id = $3 AND lease_owner = $4 AND version = $5;

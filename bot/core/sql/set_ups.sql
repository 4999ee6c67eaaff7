-- open_set_up --
INSERT INTO set_ups (bot_id, user_id, group_id, title, username, basic_group, before)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING *;

-- get_set_up --
SELECT * FROM set_ups WHERE bot_id = $1 AND user_id = $2 AND set_up_id = $3;

-- latest_set_up --
-- Only the newest one counts: who begins another group has left the one before.
SELECT * FROM set_ups
WHERE bot_id = $1 AND user_id = $2 AND created_at > now() - interval '1 hour'
ORDER BY created_at DESC, set_up_id DESC
LIMIT 1;

-- pick_channel --
UPDATE set_ups SET picked = $2 WHERE set_up_id = $1 AND picked IS DISTINCT FROM $2 RETURNING set_up_id;

-- forget_set_ups --
DELETE FROM set_ups WHERE created_at < now() - interval '2 days';

-- take_actions --
-- What another release schedules waits for an instance that knows how to do it.
UPDATE scheduled_actions
SET lease_owner = $1, lease_until = now() + interval '10 seconds', attempts = attempts + 1
WHERE action_id = ANY(ARRAY(
  SELECT action_id FROM scheduled_actions
  WHERE dead_at IS NULL AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())
    AND kind IN ('delete_message', 'delete_ephemeral', 'unban')
    AND bot_id <> ALL (ARRAY(SELECT bot_id FROM bots WHERE NOT enabled OR refused_at IS NOT NULL))
  ORDER BY due_at
  LIMIT $2
  FOR UPDATE SKIP LOCKED
))
RETURNING action_id, bot_id, kind, chat_id, message_id, user_id, until;

-- actions_done --
DELETE FROM scheduled_actions WHERE action_id = ANY($1::bigint[]) AND lease_owner = $2;

-- actions_failed --
-- Ten attempts with doubling pauses reach over 17 minutes; what fails then needs a person.
UPDATE scheduled_actions
SET due_at = now() + make_interval(secs => least(power(2, attempts), 300)), lease_owner = NULL, lease_until = NULL,
    last_error = $3, dead_at = CASE WHEN attempts >= 10 THEN now() END
WHERE action_id = ANY($1::bigint[]) AND lease_owner = $2;

-- actions_wait --
-- Nothing was tried, so nothing is counted: a flood or an outage of hours kills no action.
UPDATE scheduled_actions
SET due_at = now() + make_interval(secs => $3), lease_owner = NULL, lease_until = NULL, attempts = attempts - 1
WHERE action_id = ANY($1::bigint[]) AND lease_owner = $2;

-- delete_later --
INSERT INTO scheduled_actions (bot_id, kind, chat_id, message_id, due_at)
SELECT $1, 'delete_message', $2, message_id, now() + make_interval(secs => $4) FROM unnest($3::bigint[]) AS message_id;

-- lasting_message --
-- Answers go within the hour; only a greeting is to stay for longer.
SELECT message_id FROM scheduled_actions
WHERE bot_id = $1 AND chat_id = $2 AND kind = 'delete_message' AND dead_at IS NULL AND due_at > now() + interval '2 hours'
ORDER BY message_id DESC
LIMIT 1;

-- keep_message --
-- Not what an instance is about to delete.
UPDATE scheduled_actions SET due_at = greatest(due_at, now() + make_interval(secs => $4))
WHERE bot_id = $1 AND chat_id = $2 AND message_id = $3 AND kind = 'delete_message' AND dead_at IS NULL
  AND lease_until IS NULL;

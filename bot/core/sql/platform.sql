-- beat --
INSERT INTO instances (instance_id, host, version) VALUES ($1, $2, $3)
ON CONFLICT (instance_id) DO UPDATE SET beat_at = now()
RETURNING (
  SELECT count(*) FROM instances WHERE instance_id <> $1 AND beat_at > now() - interval '2 seconds'
) AS others;

-- leave --
DELETE FROM instances WHERE instance_id = $1;

-- forget_instances --
DELETE FROM instances WHERE beat_at < now() - interval '1 day';

-- put_bot --
INSERT INTO bots (bot_id, username, token_encrypted) VALUES ($1, $2, $3)
ON CONFLICT (bot_id) DO UPDATE SET username = excluded.username, token_encrypted = excluded.token_encrypted;

-- enabled_bots --
SELECT bot_id, username, token_encrypted FROM bots WHERE enabled ORDER BY bot_id;

-- take_actions --
UPDATE scheduled_actions
SET lease_owner = $1, lease_until = now() + interval '10 seconds', attempts = attempts + 1
WHERE action_id IN (
  SELECT action_id FROM scheduled_actions
  WHERE dead_at IS NULL AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())
  ORDER BY due_at
  LIMIT $2
  FOR UPDATE SKIP LOCKED
)
RETURNING action_id, bot_id, kind, chat_id, message_id, attempts;

-- action_done --
DELETE FROM scheduled_actions WHERE action_id = ANY($1::bigint[]) AND lease_owner = $2;

-- action_failed --
-- Ten attempts with doubling pauses reach over 17 minutes; what fails then needs a person.
UPDATE scheduled_actions
SET due_at = now() + make_interval(secs => least(power(2, attempts), 300)), lease_owner = NULL, lease_until = NULL,
    last_error = $3, dead_at = CASE WHEN attempts >= 10 THEN now() END
WHERE action_id = ANY($1::bigint[]) AND lease_owner = $2;

-- webhook_set --
SELECT webhook_set FROM bots WHERE bot_id = $1;

-- note_webhook --
UPDATE bots SET webhook_set = $2 WHERE bot_id = $1;

-- ping --
SELECT 1;

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

-- webhook_set --
SELECT webhook_set FROM bots WHERE bot_id = $1;

-- note_webhook --
UPDATE bots SET webhook_set = $2 WHERE bot_id = $1;

-- ping --
SELECT 1;

-- token_source --
SELECT token_from FROM bots WHERE bot_id = $1;

-- take_token --
INSERT INTO bots (bot_id, username, token_encrypted, token_from, seq) VALUES ($1, '', $2, $3, $4)
ON CONFLICT (bot_id) DO UPDATE
SET token_encrypted = excluded.token_encrypted, token_from = excluded.token_from, refused_at = NULL, seq = excluded.seq;

-- bots_changed_since --
SELECT bot_id, username, token_encrypted, secret_encrypted, former_secret_encrypted, enabled, refused_at, seq
FROM bots WHERE seq > $1
ORDER BY bot_id;

-- bot_ids --
SELECT bot_id FROM bots;

-- bot_summaries --
SELECT b.bot_id, coalesce(b.name, nullif(b.username, ''), b.bot_id::text) AS name, b.username, b.enabled, b.refused_at,
       b.added_at, coalesce(g.groups, 0) AS groups, coalesce(r.held, 0) AS held
FROM bots b
LEFT JOIN (
  SELECT bot_id, count(*) AS groups FROM protected_groups WHERE protected GROUP BY bot_id
) g USING (bot_id)
LEFT JOIN (
  SELECT bot_id, count(*) AS held FROM restrictions
  WHERE closed_at IS NULL AND done IN ('muting', 'muted') GROUP BY bot_id
) r USING (bot_id)
ORDER BY lower(coalesce(b.name, b.username)), b.bot_id;

-- add_bot --
INSERT INTO bots (bot_id, username, name, token_encrypted, secret_encrypted, seq) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
RETURNING bot_id;

-- change_token --
UPDATE bots SET token_encrypted = $2, username = $3, refused_at = NULL, seq = $4 WHERE bot_id = $1 RETURNING bot_id;

-- change_secret --
-- Who rotates twice in a row means it: only the last one is still accepted.
UPDATE bots SET former_secret_encrypted = $3, secret_encrypted = $2, seq = $4 WHERE bot_id = $1 RETURNING bot_id;

-- drop_former_secret --
UPDATE bots SET former_secret_encrypted = NULL, seq = $2
WHERE bot_id = $1 AND former_secret_encrypted IS NOT NULL
RETURNING bot_id;

-- rename_bot --
UPDATE bots SET username = $2, seq = $3 WHERE bot_id = $1;

-- mark_refused --
-- Unless the token was exchanged meanwhile.
UPDATE bots SET refused_at = now(), seq = $3 WHERE bot_id = $1 AND seq = $2 AND refused_at IS NULL RETURNING bot_id;

-- clear_refused --
UPDATE bots SET refused_at = NULL, seq = $2 WHERE bot_id = $1 AND refused_at IS NOT NULL RETURNING bot_id;

-- switch_bot --
UPDATE bots SET enabled = $2, seq = $3 WHERE bot_id = $1 RETURNING bot_id;

-- pause_groups_of_bot --
UPDATE protected_groups SET paused_reason = $2, updated_at = now(), seq = $3
WHERE bot_id = $1 AND protected AND paused_reason IS NULL;

-- resume_groups_of_bot --
UPDATE protected_groups SET paused_reason = NULL, updated_at = now(), seq = $3
WHERE bot_id = $1 AND paused_reason = $2;

-- free_everybody_of_bot --
UPDATE restrictions
SET wanted = 'free', cause = 'pause', version = version + 1, due_at = now(), attempts = 0
WHERE restriction_id IN (
  SELECT restriction_id FROM restrictions
  WHERE bot_id = $1 AND closed_at IS NULL AND wanted <> 'free'
  ORDER BY restriction_id
  FOR UPDATE
);

-- held_by_bot --
SELECT count(*) AS held FROM restrictions
WHERE bot_id = $1 AND closed_at IS NULL AND done IN ('muting', 'muted');

-- delete_letters_of_bot --
DELETE FROM dead_letters WHERE bot_id = $1;

-- delete_updates_of_bot --
DELETE FROM updates_done WHERE bot_id = $1;

-- delete_bot --
DELETE FROM bots WHERE bot_id = $1;

-- sealed_bots --
SELECT bot_id, token_encrypted, secret_encrypted, former_secret_encrypted FROM bots ORDER BY bot_id FOR UPDATE;

-- reseal_bot --
UPDATE bots SET token_encrypted = $2, secret_encrypted = $3, former_secret_encrypted = $4 WHERE bot_id = $1;

-- menu_set --
SELECT menu_set FROM bots WHERE bot_id = $1;

-- note_menu --
UPDATE bots SET menu_set = $2 WHERE bot_id = $1;

-- webhook_set --
SELECT webhook_set FROM bots WHERE bot_id = $1;

-- note_webhook --
UPDATE bots SET webhook_set = $2 WHERE bot_id = $1;

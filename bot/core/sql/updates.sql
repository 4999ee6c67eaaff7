-- claim_update --
-- Claim an update; take over a claim that was released, or whose instance is dead or has held it too long.
-- A claim is a sign of life, too: after an outage of PostgreSQL an instance may claim before its heart beats again.
-- It does not wait for the disk: a claim that a crash of PostgreSQL loses was never made, and its holder cannot finish.
INSERT INTO updates_done (bot_id, update_id, state, owner)
SELECT $1::bigint, $2::bigint, 'claimed', $3::uuid FROM set_config('synchronous_commit', 'off', true)
ON CONFLICT (bot_id, update_id) DO UPDATE
SET owner = excluded.owner, attempts = updates_done.attempts + 1, claimed_at = now()
WHERE updates_done.state = 'claimed'
  AND (
    updates_done.owner = '00000000-0000-0000-0000-000000000000'
    OR updates_done.claimed_at < now() - interval '30 seconds'
    OR NOT EXISTS (
      SELECT 1 FROM instances
      WHERE instance_id = updates_done.owner
        AND greatest(beat_at, updates_done.claimed_at) > now() - $4::interval
    )
  )
RETURNING attempts;

-- update_state --
SELECT state FROM updates_done WHERE bot_id = $1 AND update_id = $2;

-- finish_update --
UPDATE updates_done SET state = 'done'
WHERE bot_id = $1 AND update_id = $2 AND owner = $3 AND state = 'claimed';

-- release_update --
UPDATE updates_done SET owner = '00000000-0000-0000-0000-000000000000', attempts = attempts - $4::integer
WHERE bot_id = $1 AND update_id = $2 AND owner = $3 AND state = 'claimed';

-- bury_update --
WITH dead AS (
  UPDATE updates_done SET state = 'dead'
  WHERE bot_id = $1 AND update_id = $2 AND owner = $3 AND state = 'claimed'
  RETURNING bot_id, update_id
)
INSERT INTO dead_letters (bot_id, update_id, body, error)
SELECT bot_id, update_id, $4, $5 FROM dead
ON CONFLICT (bot_id, update_id) DO UPDATE SET error = excluded.error, died_at = now(), replay_at = NULL;

-- forget_updates --
-- Telegram gives up on an update after 24 h; an hour more, and nobody can ask again.
-- Some at a time, so that it ends in time whatever a day has brought.
DELETE FROM updates_done
WHERE (bot_id, update_id) IN (
  SELECT bot_id, update_id FROM updates_done WHERE claimed_at < now() - interval '25 hours' ORDER BY claimed_at LIMIT $1
);

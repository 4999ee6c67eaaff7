-- primary_identity --
-- A promotion begins another timeline. Only who may write has a place in the log to tell it from.
SELECT system_identifier, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer AS timeline,
       coalesce(host(inet_server_addr()) || ':' || inet_server_port(), 'local') AS address
FROM pg_control_system()
WHERE NOT pg_is_in_recovery();

-- note_primary --
-- Whichever instance sees a primary first writes it down; the very first primary is no change.
WITH former AS (
  SELECT timeline, address FROM primaries ORDER BY seen_at DESC LIMIT 1
), fresh AS (
  INSERT INTO primaries (system_identifier, timeline, address) VALUES ($1, $2, $3)
  ON CONFLICT DO NOTHING
  RETURNING timeline, address
)
INSERT INTO audit_log (bot_id, actor, action, detail)
SELECT 0, 0, 'primary_changed', jsonb_build_object(
  'timeline', fresh.timeline, 'address', fresh.address,
  'former_timeline', former.timeline, 'former_address', former.address
)
FROM fresh, former;

-- replicas --
-- Of a replica that has all there is, PostgreSQL gives no lag. Without pg_monitor it gives nothing but the rows.
SELECT coalesce(application_name, '') AS name, sync_state, extract(epoch FROM coalesce(replay_lag, interval '0'))::float8 AS lag
FROM pg_stat_replication
WHERE state = 'streaming' OR state IS NULL
ORDER BY application_name;

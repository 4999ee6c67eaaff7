-- server_state --
SELECT clock_timestamp() AS now, current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS standby,
       current_setting('max_connections')::int AS connections,
       (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS encrypted,
       coalesce(inet_server_addr() <> inet_client_addr(), false) AS remote,
       (SELECT count(*)::int FROM instances WHERE beat_at > now() - $1::interval) AS instances;

-- invalid_indexes --
SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid;

-- work_state --
SELECT (SELECT count(*) FROM dead_letters) AS letters,
       (SELECT count(*) FROM scheduled_actions WHERE dead_at IS NOT NULL) AS actions,
       (SELECT count(*) FROM restrictions
        WHERE closed_at IS NULL AND due_at < now() - interval '1 minute'
          AND bot_id <> ALL (ARRAY(SELECT bot_id FROM bots WHERE NOT enabled OR refused_at IS NOT NULL))) AS overdue,
       (SELECT count(*) FROM instances WHERE beat_at > now() - $1::interval) AS instances,
       (SELECT coalesce(array_agg(DISTINCT version ORDER BY version), '{}') FROM instances
        WHERE beat_at > now() - $1::interval) AS versions;

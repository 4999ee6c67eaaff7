-- free_indexes --
-- Parents only: an index of a partition comes and goes with its parent's.
SELECT i.indexrelid::regclass::text AS name, replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') AS definition
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
ORDER BY 1;

-- constraints --
SELECT conrelid::regclass::text AS table_name, conname AS name
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f') AND conparentid = 0
ORDER BY contype <> 'f', 1, 2;

-- table_sizes --
-- Partitions count as their parent.
SELECT coalesce(p.inhparent, c.oid)::regclass::text AS table_name, count(*) AS parts,
       sum(greatest(c.reltuples, 0))::bigint AS rows, sum(pg_table_size(c.oid))::bigint AS bytes,
       sum(pg_indexes_size(c.oid))::bigint AS index_bytes
FROM pg_class c
LEFT JOIN pg_inherits p ON p.inhrelid = c.oid
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
GROUP BY 1
ORDER BY 4 DESC;

-- index_usage --
-- Partitions count as their parent's index.
SELECT coalesce(p.inhparent, i.indexrelid)::regclass::text AS name, i.indrelid::regclass::text AS part,
       i.indisunique OR i.indisprimary OR EXISTS (
         -- It keeps the deletion of what rows refer to from reading all of them.
         SELECT FROM pg_constraint f
         WHERE f.contype = 'f' AND f.conrelid = i.indrelid AND cardinality(f.conkey) > 1
           AND (i.indkey::smallint[])[0:cardinality(f.conkey) - 1] @> f.conkey
       ) AS is_rule, i.indisvalid AND i.indisready AS is_valid,
       s.idx_scan AS scans, pg_relation_size(i.indexrelid) AS bytes
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_stat_user_indexes s ON s.indexrelid = i.indexrelid
LEFT JOIN pg_inherits p ON p.inhrelid = i.indexrelid
WHERE c.relnamespace = 'public'::regnamespace;

-- invalid_indexes --
SELECT indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT (indisvalid AND indisready);

-- duplicate_indexes --
-- The first is contained in the second: same table, condition and kind, and its columns begin the other's.
SELECT a.indexrelid::regclass::text AS name, b.indexrelid::regclass::text AS other
FROM pg_index a
JOIN pg_index b ON a.indrelid = b.indrelid AND a.indexrelid <> b.indexrelid
JOIN pg_class ca ON ca.oid = a.indexrelid
JOIN pg_class cb ON cb.oid = b.indexrelid AND cb.relam = ca.relam
WHERE ca.relnamespace = 'public'::regnamespace AND NOT ca.relispartition
  AND NOT a.indisunique
  AND coalesce(pg_get_expr(a.indpred, a.indrelid), '') = coalesce(pg_get_expr(b.indpred, b.indrelid), '')
  AND coalesce(pg_get_expr(a.indexprs, a.indrelid), '') = coalesce(pg_get_expr(b.indexprs, b.indrelid), '')
  AND (b.indkey::text || ' ') LIKE (a.indkey::text || ' %')
  AND (a.indkey::text <> b.indkey::text OR b.indisunique OR a.indexrelid > b.indexrelid);

-- foreign_keys_without_index --
-- Deleting what they refer to, or changing its key, reads the whole table.
SELECT c.conrelid::regclass::text AS table_name, c.conname AS name,
       (SELECT array_agg(a.attname::text ORDER BY k.n)
        FROM unnest(c.conkey) WITH ORDINALITY k (attnum, n)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum) AS columns
FROM pg_constraint c
WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace
  AND NOT EXISTS (
    SELECT FROM pg_index i
    WHERE i.indrelid = c.conrelid AND i.indpred IS NULL
      AND (i.indkey::smallint[])[0:array_length(c.conkey, 1) - 1] @> c.conkey
  );

-- table_health --
SELECT s.relname AS table_name, s.n_live_tup AS live, s.n_dead_tup AS dead, s.n_mod_since_analyze AS changed,
       s.seq_scan AS seq_scans, s.seq_tup_read AS seq_rows, s.idx_scan AS index_scans,
       coalesce(s.last_analyze, s.last_autoanalyze) AS analyzed_at, age(c.relfrozenxid) AS age,
       coalesce(s.n_tup_hot_upd::float / nullif(s.n_tup_upd, 0), 1) AS hot_updates
FROM pg_stat_user_tables s
JOIN pg_class c ON c.oid = s.relid
WHERE s.schemaname = 'public'
ORDER BY s.n_live_tup DESC;

-- server --
SELECT current_setting('server_version') AS version, current_setting('max_connections')::int AS max_connections,
       current_setting('shared_buffers') AS shared_buffers, current_setting('autovacuum') AS autovacuum,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
       (SELECT count(*) FROM pg_stat_activity
        WHERE state = 'idle in transaction' AND now() - state_change > interval '1 minute') AS idle_in_transaction,
       (SELECT extract(epoch FROM max(now() - xact_start)) FROM pg_stat_activity WHERE state <> 'idle')::float
         AS oldest_transaction_seconds,
       (SELECT count(*) FROM pg_locks WHERE NOT granted) AS waiting,
       (SELECT blks_hit::float / nullif(blks_hit + blks_read, 0) FROM pg_stat_database
        WHERE datname = current_database()) AS hit_rate,
       (SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()) AS deadlocks,
       (SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()) AS temp_bytes,
       pg_database_size(current_database()) AS bytes,
       age((SELECT datfrozenxid FROM pg_database WHERE datname = current_database())) AS age;

-- has_statement_statistics --
SELECT to_regclass('pg_stat_statements') IS NOT NULL
   AND current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%' AS there;

-- statement_statistics --
SELECT queryid, query, calls, rows, total_exec_time, mean_exec_time, max_exec_time FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY total_exec_time DESC
LIMIT $1;

-- event_bytes --
SELECT sum(pg_table_size(c.oid))::float / nullif(sum(greatest(c.reltuples, 0)), 0) AS heap,
       sum(pg_indexes_size(c.oid))::float / nullif(sum(greatest(c.reltuples, 0)), 0) AS indexes
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'verification_events'::regclass AND c.reltuples > 0;

-- index_parents --
SELECT inhrelid::regclass::text AS part, inhparent::regclass::text AS name
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE c.relkind = 'i';

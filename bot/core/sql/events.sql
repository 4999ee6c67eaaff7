-- save_event --
INSERT INTO verification_events (bot_id, group_id, user_id, outcome, detail, channels) VALUES ($1, $2, $3, $4, $5, $6);

-- get_bot_events --
-- A page ends where the next begins, at (at, event_id): a page far back costs what the first one costs.
-- By the row alone PostgreSQL leaves no partition out, so `at` is said twice.
SELECT at, event_id, bot_id, group_id, user_id, outcome, detail, channels, case_id, seconds
FROM verification_events
WHERE bot_id = $1 AND at <= coalesce($2, 'infinity'::timestamptz)
  AND (at, event_id) < (coalesce($2, 'infinity'::timestamptz), coalesce($3::bigint, 0))
ORDER BY at DESC, event_id DESC
LIMIT $4;

-- get_group_events --
SELECT at, event_id, bot_id, group_id, user_id, outcome, detail, channels, case_id, seconds
FROM verification_events
WHERE bot_id = $1 AND group_id = $2 AND at <= coalesce($3, 'infinity'::timestamptz)
  AND (at, event_id) < (coalesce($3, 'infinity'::timestamptz), coalesce($4::bigint, 0))
  AND ($5::text[] IS NULL OR outcome = ANY($5))
ORDER BY at DESC, event_id DESC
LIMIT $6;

-- get_user_events --
SELECT at, event_id, bot_id, group_id, user_id, outcome, detail, channels, case_id, seconds
FROM verification_events
WHERE bot_id = $1 AND user_id = $2 AND ($3::bigint IS NULL OR group_id = $3)
  AND at <= coalesce($4, 'infinity'::timestamptz)
  AND (at, event_id) < (coalesce($4, 'infinity'::timestamptz), coalesce($5::bigint, 0))
  AND ($6::text[] IS NULL OR outcome = ANY($6))
ORDER BY at DESC, event_id DESC
LIMIT $7;

-- count_group_events --
SELECT outcome, count(*) AS events, count(DISTINCT user_id) AS users, avg(seconds) AS seconds
FROM verification_events
WHERE bot_id = $1 AND group_id = $2 AND at >= now() - make_interval(days => $3)
GROUP BY outcome
ORDER BY outcome;

-- get_user_history --
-- Open cases and closed ones have an index each.
SELECT * FROM (
  SELECT restriction_id, group_id, done, cause, outcome, opened_at, closed_at FROM restrictions
  WHERE bot_id = $1 AND user_id = $2 AND closed_at IS NULL
  UNION ALL
  SELECT restriction_id, group_id, done, cause, outcome, opened_at, closed_at FROM restrictions
  WHERE bot_id = $1 AND user_id = $2 AND closed_at IS NOT NULL
) cases
ORDER BY restriction_id DESC
LIMIT $3;

-- get_group_audit --
SELECT at, actor, action, detail FROM audit_log
WHERE bot_id = $1 AND chat_id = $2
ORDER BY at DESC
LIMIT $3;

-- only_bot --
SELECT min(bot_id) AS bot_id, count(*) AS bots FROM bots;

-- make_event_partitions --
SELECT make_event_partitions(now(), $1) AS made;

-- drop_event_partitions --
SELECT drop_event_partitions(now() - make_interval(days => $1)) AS dropped;

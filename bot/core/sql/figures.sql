-- group_figures --
-- The last $4 days of a group by UTC, one row each. $3 are the ids it has and had; sightings are moved, events are not.
WITH since AS MATERIALIZED (
  SELECT ((now() AT TIME ZONE 'UTC')::date - $4::int + 1) AS first
), came AS (
  SELECT (joined_at AT TIME ZONE 'UTC')::date AS day, count(*) AS joined
  FROM group_members_seen
  WHERE bot_id = $1 AND group_id = $2 AND joined_at >= (SELECT first::timestamp AT TIME ZONE 'UTC' FROM since)
  GROUP BY 1
), decided AS (
  SELECT (at AT TIME ZONE 'UTC')::date AS day,
         count(DISTINCT user_id) FILTER (
           WHERE outcome = 'passed' OR (outcome = 'freed' AND detail IN ('joined_channel', 'press'))
         ) AS passed,
         count(DISTINCT user_id) FILTER (WHERE outcome IN ('muted', 'noticed', 'observed')) AS stopped,
         count(DISTINCT case_id) FILTER (WHERE outcome = 'freed') AS freed,
         count(DISTINCT case_id) FILTER (WHERE outcome = 'freed' AND detail = 'joined_channel') AS by_event
  FROM verification_events
  WHERE bot_id = $1 AND group_id = ANY($3::bigint[])
    AND at >= (SELECT first::timestamp AT TIME ZONE 'UTC' FROM since)
  GROUP BY 1
), spoke AS (
  SELECT day, sum(unasked)::bigint AS unasked FROM group_days
  WHERE bot_id = $1 AND group_id = ANY($3::bigint[]) AND day >= (SELECT first FROM since)
  GROUP BY 1
)
SELECT first + n AS day, coalesce(joined, 0) AS joined, coalesce(passed, 0) AS passed, coalesce(stopped, 0) AS stopped,
       coalesce(freed, 0) AS freed, coalesce(by_event, 0) AS by_event, coalesce(unasked, 0) AS unasked
FROM since CROSS JOIN generate_series(0, $4::int - 1) AS n
LEFT JOIN came ON came.day = first + n
LEFT JOIN decided ON decided.day = first + n
LEFT JOIN spoke ON spoke.day = first + n
ORDER BY 1;

-- count_unasked --
-- Messages of members that needed no question, in batches: one row a group and day.
INSERT INTO group_days AS d (bot_id, group_id, day, unasked)
SELECT bot, chat, (now() AT TIME ZONE 'UTC')::date, messages
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS counted (bot, chat, messages)
ON CONFLICT (bot_id, group_id, day) DO UPDATE SET unasked = d.unasked + excluded.unasked;

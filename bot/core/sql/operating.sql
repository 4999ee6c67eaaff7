-- list_groups --
-- By name. What is counted is counted for the rows of the page only.
SELECT g.*,
       (SELECT count(*) FROM group_channel_links l
        WHERE l.bot_id = g.bot_id AND l.group_id = g.group_id) AS channels,
       (SELECT count(*) FROM restrictions r
        WHERE r.bot_id = g.bot_id AND r.group_id = g.group_id AND r.closed_at IS NULL
          AND r.done IN ('muting', 'muted')) AS held
FROM (
  SELECT bot_id, group_id, title, username, group_state(protected, paused_reason, enforcement) AS state, paused_reason,
         enforcement, updated_at, lower(title) AS name
  FROM protected_groups
  WHERE (lower(title), bot_id, group_id) > ($1, $2::bigint, $3::bigint)
    AND ($4::bigint[] IS NULL OR bot_id = ANY($4))
  ORDER BY lower(title), bot_id, group_id
  LIMIT $5
) g
ORDER BY g.name, g.bot_id, g.group_id;

-- list_groups_in_state --
-- A statement of its own: the plan that PostgreSQL keeps for any state or none does without the states' index.
SELECT g.*,
       (SELECT count(*) FROM group_channel_links l
        WHERE l.bot_id = g.bot_id AND l.group_id = g.group_id) AS channels,
       (SELECT count(*) FROM restrictions r
        WHERE r.bot_id = g.bot_id AND r.group_id = g.group_id AND r.closed_at IS NULL
          AND r.done IN ('muting', 'muted')) AS held
FROM (
  SELECT bot_id, group_id, title, username, group_state(protected, paused_reason, enforcement) AS state, paused_reason,
         enforcement, updated_at, lower(title) AS name
  FROM protected_groups
  WHERE (lower(title), bot_id, group_id) > ($1, $2::bigint, $3::bigint)
    AND ($4::bigint[] IS NULL OR bot_id = ANY($4))
    AND group_state(protected, paused_reason, enforcement) = $5
  ORDER BY lower(title), bot_id, group_id
  LIMIT $6
) g
ORDER BY g.name, g.bot_id, g.group_id;

-- find_groups --
-- A statement of its own: what is rarely found reads every name, and its plan must not become that of a plain list.
SELECT g.*,
       (SELECT count(*) FROM group_channel_links l
        WHERE l.bot_id = g.bot_id AND l.group_id = g.group_id) AS channels,
       (SELECT count(*) FROM restrictions r
        WHERE r.bot_id = g.bot_id AND r.group_id = g.group_id AND r.closed_at IS NULL
          AND r.done IN ('muting', 'muted')) AS held
FROM (
  SELECT bot_id, group_id, title, username, group_state(protected, paused_reason, enforcement) AS state, paused_reason,
         enforcement, updated_at, lower(title) AS name
  FROM protected_groups
  WHERE (lower(title), bot_id, group_id) > ($1, $2::bigint, $3::bigint)
    AND ($4::bigint[] IS NULL OR bot_id = ANY($4))
    AND ($5::text IS NULL OR group_state(protected, paused_reason, enforcement) = $5)
    AND (lower(title) LIKE lower($7) OR lower(username) LIKE lower($7) OR group_id = $8::bigint)
  ORDER BY lower(title), bot_id, group_id
  LIMIT $6
) g
ORDER BY g.name, g.bot_id, g.group_id;

-- one_group --
SELECT g.bot_id, g.group_id, g.title, g.username, group_state(g.protected, g.paused_reason, g.enforcement) AS state,
       g.paused_reason, g.enforcement, g.updated_at, lower(g.title) AS name,
       (SELECT count(*) FROM group_channel_links l
        WHERE l.bot_id = g.bot_id AND l.group_id = g.group_id) AS channels,
       (SELECT count(*) FROM restrictions r
        WHERE r.bot_id = g.bot_id AND r.group_id = g.group_id AND r.closed_at IS NULL
          AND r.done IN ('muting', 'muted')) AS held
FROM protected_groups g
WHERE g.bot_id = $1 AND g.group_id = $2;

-- list_channels --
SELECT c.*,
       (SELECT count(*) FROM group_channel_links l
        JOIN protected_groups g ON g.bot_id = l.bot_id AND g.group_id = l.group_id AND g.protected
        WHERE l.bot_id = c.bot_id AND l.channel_id = c.channel_id) AS groups
FROM (
  SELECT bot_id, channel_id, title, username, invite_link, lower(title) AS name FROM channels
  WHERE (lower(title), bot_id, channel_id) > ($1, $2::bigint, $3::bigint)
    AND ($4::bigint[] IS NULL OR bot_id = ANY($4))
    AND ($5::text IS NULL OR title ILIKE $5 OR username ILIKE $5 OR channel_id = $6::bigint)
  ORDER BY lower(title), bot_id, channel_id
  LIMIT $7
) c
ORDER BY c.name, c.bot_id, c.channel_id;

-- list_events --
-- Of all bots, or of those an operator may see.
SELECT at, event_id, bot_id, group_id, user_id, outcome, detail, channels, case_id, seconds
FROM verification_events
WHERE at <= coalesce($1, 'infinity'::timestamptz)
  AND (at, event_id) < (coalesce($1, 'infinity'::timestamptz), coalesce($2::bigint, 0))
  AND ($3::bigint[] IS NULL OR bot_id = ANY($3)) AND ($4::text[] IS NULL OR outcome = ANY($4))
ORDER BY at DESC, event_id DESC
LIMIT $5;

-- list_cases --
-- What is open, the newest first; closed cases are found by their user.
SELECT r.restriction_id, r.bot_id, r.group_id, g.title AS group_title, r.user_id, r.user_name, r.wanted, r.done, r.cause,
       r.outcome, r.opened_at, r.done_at, nullif(r.due_at, 'infinity') AS due_at, r.closed_at, r.attempts
FROM restrictions r
LEFT JOIN protected_groups g ON g.bot_id = r.bot_id AND g.group_id = r.group_id
WHERE r.closed_at IS NULL AND r.restriction_id < $1 AND ($2::bigint[] IS NULL OR r.bot_id = ANY($2))
  AND ($3::bigint IS NULL OR r.group_id = $3) AND ($4::bigint IS NULL OR r.user_id = $4)
ORDER BY r.restriction_id DESC
LIMIT $5;

-- list_cases_of_user --
SELECT r.restriction_id, r.bot_id, r.group_id, g.title AS group_title, r.user_id, r.user_name, r.wanted, r.done, r.cause,
       r.outcome, r.opened_at, r.done_at, nullif(r.due_at, 'infinity') AS due_at, r.closed_at, r.attempts
FROM (
  SELECT * FROM restrictions WHERE bot_id = $1 AND user_id = $2 AND closed_at IS NULL
  UNION ALL
  SELECT * FROM restrictions WHERE bot_id = $1 AND user_id = $2 AND closed_at IS NOT NULL
) r
LEFT JOIN protected_groups g ON g.bot_id = r.bot_id AND g.group_id = r.group_id
WHERE r.restriction_id < $3 AND ($4::bigint IS NULL OR r.group_id = $4)
ORDER BY r.restriction_id DESC
LIMIT $5;

-- list_audit --
SELECT audit_id, at, bot_id, actor, source, action, chat_id, detail FROM audit_log
WHERE audit_id < $1 AND ($2::bigint IS NULL OR chat_id = $2)
ORDER BY audit_id DESC
LIMIT $3;

-- list_audit_of_bots --
-- The newest of each bot are few, however many others there are. Said by pairs, and so with an order that only the index
-- of bots has: by another one PostgreSQL would read everybody's until it has enough of theirs, or sort all of a bot's.
SELECT a.audit_id, a.at, a.bot_id, a.actor, a.source, a.action, a.chat_id, a.detail
FROM unnest($2::bigint[]) AS seen (bot_id)
CROSS JOIN LATERAL (
  SELECT * FROM audit_log
  WHERE (bot_id, audit_id) < (seen.bot_id, $1) AND bot_id >= seen.bot_id AND ($3::bigint IS NULL OR chat_id = $3)
  ORDER BY bot_id DESC, audit_id DESC
  LIMIT $4
) a
ORDER BY a.audit_id DESC
LIMIT $4;

-- list_letters --
SELECT name, bot_id, died_at, error, is_waiting FROM (
  SELECT 'update/' || bot_id || '/' || update_id AS name, bot_id, died_at, error, replay_at IS NOT NULL AS is_waiting
  FROM dead_letters
  UNION ALL
  SELECT 'action/' || action_id, bot_id, dead_at, concat_ws(' ', kind, message_id, 'in', chat_id || ':', last_error), false
  FROM scheduled_actions WHERE dead_at IS NOT NULL
) letters
WHERE ($1::bigint[] IS NULL OR bot_id = ANY($1)) AND (died_at, name) < (coalesce($2, 'infinity'::timestamptz), $3)
ORDER BY died_at DESC, name DESC
LIMIT $4;

-- list_instances --
SELECT instance_id::text, host, version, started_at, beat_at, beat_at > now() - $1::interval AS is_alive
FROM instances
ORDER BY is_alive DESC, started_at DESC
LIMIT 100;

-- list_jobs --
SELECT kind, count(*) FILTER (WHERE dead_at IS NULL) AS waiting, count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead,
       min(due_at) FILTER (WHERE dead_at IS NULL) AS next_at
FROM scheduled_actions
WHERE $1::bigint[] IS NULL OR bot_id = ANY($1)
GROUP BY kind
ORDER BY kind;

-- totals --
SELECT g.*, r.*,
       (SELECT count(*) FROM dead_letters WHERE $1::bigint[] IS NULL OR bot_id = ANY($1))
       + (SELECT count(*) FROM scheduled_actions
          WHERE dead_at IS NOT NULL AND ($1::bigint[] IS NULL OR bot_id = ANY($1))) AS letters,
       (SELECT count(*) FROM instances WHERE beat_at > now() - $2::interval) AS instances
FROM (
  SELECT count(*) AS protected, count(*) FILTER (WHERE paused_reason IN ('admin', 'bot_disabled')) AS paused,
         count(*) FILTER (WHERE paused_reason NOT IN ('admin', 'bot_disabled')) AS trouble,
         count(*) FILTER (WHERE enforcement = 'observe') AS observing
  FROM protected_groups
  WHERE protected AND ($1::bigint[] IS NULL OR bot_id = ANY($1))
) g, (
  SELECT count(*) FILTER (WHERE done IN ('muting', 'muted')) AS held,
         count(*) FILTER (WHERE due_at < now() - interval '1 minute') AS overdue
  FROM restrictions
  WHERE closed_at IS NULL AND ($1::bigint[] IS NULL OR bot_id = ANY($1))
) r;

-- series --
SELECT date_bin(make_interval(mins => $2), at, '2020-01-01') AS at, outcome, count(*) AS events
FROM verification_events
WHERE at >= now() - make_interval(hours => $3) AND ($1::bigint[] IS NULL OR bot_id = ANY($1))
GROUP BY 1, 2
ORDER BY 1, 2;

-- feed --
-- What was decided, changed or given up in the last $1 seconds: read from what is committed anyway, so that the live
-- feed costs whoever decides nothing.
SELECT f.name, f.at, f.bot_id, f.chat_id, g.title AS chat_title, f.user_id, f.user_name, f.kind, f.reason
FROM (
  (
    SELECT 'e' || e.event_id AS name, e.at, e.bot_id, e.group_id AS chat_id, e.user_id,
           (SELECT r.user_name FROM restrictions r WHERE r.restriction_id = e.case_id) AS user_name,
           e.outcome AS kind, e.detail AS reason
    FROM verification_events e
    WHERE e.at > now() - make_interval(secs => $1) AND ($2::bigint[] IS NULL OR e.bot_id = ANY($2))
    ORDER BY e.at DESC, e.event_id DESC
    LIMIT $3
  )
  UNION ALL
  (
    SELECT 'a' || audit_id, at, bot_id, chat_id, actor, source, action, detail ->> 'reason'
    FROM audit_log
    WHERE at > now() - make_interval(secs => $1) AND ($2::bigint[] IS NULL OR bot_id = ANY($2))
      AND audit_id > (SELECT max(audit_id) FROM audit_log) - 1000
    ORDER BY audit_id DESC
    LIMIT $3
  )
  UNION ALL
  (
    SELECT 'd' || bot_id || '-' || update_id, died_at, bot_id, NULL, NULL, NULL, 'dead_letter', error
    FROM dead_letters
    WHERE died_at > now() - make_interval(secs => $1) AND ($2::bigint[] IS NULL OR bot_id = ANY($2))
    ORDER BY died_at DESC
    LIMIT $3
  )
) f
LEFT JOIN protected_groups g ON g.bot_id = f.bot_id AND g.group_id = f.chat_id
ORDER BY f.at DESC, f.name DESC
LIMIT $3;

-- lease_case --
-- By the database's clock, so that instances need not agree on theirs.
UPDATE restrictions
SET lease_owner = $2, lease_until = now() + interval '3 seconds'
WHERE restriction_id = $1 AND closed_at IS NULL
  AND (lease_until IS NULL OR lease_until < now() OR lease_owner = $2)
RETURNING *;

-- renew_case --
UPDATE restrictions SET lease_until = now() + interval '3 seconds'
WHERE restriction_id = $1 AND lease_owner = $2 AND lease_until > now() AND closed_at IS NULL
RETURNING restriction_id;

-- give_back_case --
UPDATE restrictions SET lease_owner = NULL, lease_until = NULL
WHERE restriction_id = $1 AND lease_owner = $2 AND closed_at IS NULL;

-- due_cases --
-- The work of a bot that is stopped, or whose token is refused, rests. A bot with a crowd at its gates does not hide
-- what waits for the others.
SELECT bot_id, restriction_id FROM restrictions
WHERE closed_at IS NULL AND due_at <= now() AND due_at < 'infinity'
  AND (lease_until IS NULL OR lease_until < now())
  AND bot_id <> ALL (ARRAY(SELECT bot_id FROM bots WHERE NOT enabled OR refused_at IS NOT NULL))
  AND bot_id <> ALL ($2::bigint[])
ORDER BY due_at
LIMIT $1;

-- want_case --
-- Nobody is to be muted where the gate is off by now, whatever this instance has heard of it so far: `/unprotect`
-- freed everybody before, and would not hear of the case again.
WITH gating AS (
  SELECT 1 FROM protected_groups
  WHERE (bot_id, group_id) = (SELECT bot_id, group_id FROM restrictions WHERE restriction_id = $1)
    AND protected AND paused_reason IS NULL AND $4 = 'mute'
  FOR SHARE
)
UPDATE restrictions
SET wanted = CASE
      WHEN version <> $3 THEN wanted
      WHEN $4 = 'mute' AND NOT (SELECT EXISTS (SELECT FROM gating)) THEN 'free'
      ELSE $4
    END,
    version = version + CASE WHEN version = $3 THEN 1 ELSE 0 END
WHERE restriction_id = $1 AND lease_owner = $2 AND lease_until > now() AND closed_at IS NULL
RETURNING *;

-- case_did --
-- A fact: what happened in Telegram has happened, whatever is wanted by now. Here and below the event is written by
-- the statement it is about: neither is there without the other, and it costs no round trip.
WITH did AS (
  UPDATE restrictions SET done = $3, done_at = now(), attempts = 0
  WHERE restriction_id = $1 AND lease_owner = $2 AND closed_at IS NULL
  RETURNING *
), noted AS (
  INSERT INTO verification_events (bot_id, group_id, user_id, outcome, detail, channels, case_id, seconds)
  SELECT bot_id, group_id, user_id, done, cause, $4, restriction_id, extract(epoch FROM now() - opened_at) FROM did
  WHERE done IN ('muted', 'noticed')
)
SELECT * FROM did;

-- case_lifted --
-- Somebody acted while Telegram was asked or told, a mute may have landed even: the next step looks again.
WITH did AS (
  UPDATE restrictions
  SET done = CASE WHEN version = $3 THEN 'lifted' ELSE 'muting' END, done_at = now(), attempts = 0
  WHERE restriction_id = $1 AND lease_owner = $2 AND closed_at IS NULL
  RETURNING *
), noted AS (
  INSERT INTO verification_events (bot_id, group_id, user_id, outcome, detail, channels, case_id, seconds)
  SELECT bot_id, group_id, user_id, done, cause, prompt_channels, restriction_id,
         extract(epoch FROM now() - opened_at)
  FROM did
  WHERE done = 'lifted'
)
SELECT * FROM did;

-- case_muting --
UPDATE restrictions
SET done = CASE WHEN version = $3 THEN 'muting' ELSE done END,
    done_at = now(),
    prior = CASE WHEN version = $3 THEN $4 ELSE prior END,
    our_until = CASE WHEN version = $3 THEN $5 ELSE our_until END,
    version = version + CASE WHEN version = $3 THEN 1 ELSE 0 END
WHERE restriction_id = $1 AND lease_owner = $2 AND lease_until > now() AND closed_at IS NULL
RETURNING *;

-- case_deleted --
UPDATE restrictions
SET delete_ids = ARRAY(SELECT unnest(delete_ids) EXCEPT SELECT unnest($3::bigint[]))
WHERE restriction_id = $1 AND lease_owner = $2 AND closed_at IS NULL
RETURNING *;

-- case_prompted --
-- Who shared the group's prompt and shares it no more is not counted there any longer.
WITH before AS (
  SELECT restriction_id, bot_id, group_id,
         prompt_state = 'sent' AND prompt_message_id IS NULL AND prompt_ephemeral_id IS NULL AS is_shared
  FROM restrictions
  WHERE restriction_id = $1 AND lease_owner = $2 AND closed_at IS NULL
  FOR UPDATE
), told AS (
  UPDATE shared_prompts s
  SET due_at = least(due_at, greatest(now() + interval '1 second', quiet_until)), version = version + 1
  FROM before
  WHERE is_shared AND (s.bot_id, s.group_id) = (before.bot_id, before.group_id)
)
UPDATE restrictions r
SET prompt_state = $3, prompt_message_id = $4, prompt_ephemeral_id = $5, prompt_channels = $6,
    prompt_sent_at = CASE
      WHEN $3 = 'sent' AND (prompt_message_id IS DISTINCT FROM $4 OR prompt_ephemeral_id IS DISTINCT FROM $5) THEN now()
      ELSE prompt_sent_at
    END
FROM before
WHERE r.restriction_id = before.restriction_id
RETURNING r.*;

-- case_kicking --
-- The end of the ban is committed before its beginning, by a clock that all instances share. It lies far enough ahead
-- that Telegram does not read a late call's end as "for ever"; the ban is taken back long before.
INSERT INTO scheduled_actions (bot_id, kind, chat_id, user_id, until, due_at)
SELECT bot_id, 'unban', group_id, user_id, date_trunc('second', now() + interval '5 minutes'),
       now() + interval '1 minute'
FROM restrictions
WHERE restriction_id = $1 AND lease_owner = $2 AND lease_until > now() AND version = $3 AND closed_at IS NULL
RETURNING until;

-- rest_case --
-- Never due at once: an instance whose clock is behind the database's would not find anything to do yet.
UPDATE restrictions
SET due_at = CASE WHEN $4::timestamptz IS NULL THEN 'infinity' ELSE greatest($4, now() + interval '10 seconds') END,
    lease_owner = NULL, lease_until = NULL, attempts = 0
WHERE restriction_id = $1 AND lease_owner = $2 AND version = $3 AND closed_at IS NULL
RETURNING restriction_id;

-- close_case --
-- Never due again: if closed cases looked due, PostgreSQL would take most open ones for due and read all of them.
WITH closed AS (
  UPDATE restrictions
  SET closed_at = now(), outcome = $4, due_at = 'infinity', lease_owner = NULL, lease_until = NULL
  WHERE restriction_id = $1 AND lease_owner = $2 AND version = $3 AND closed_at IS NULL
  RETURNING *
)
INSERT INTO verification_events (bot_id, group_id, user_id, outcome, detail, channels, case_id, seconds)
SELECT bot_id, group_id, user_id, outcome, cause, prompt_channels, restriction_id, extract(epoch FROM now() - opened_at)
FROM closed
RETURNING case_id;

-- postpone_case --
-- Not when somebody changed the case meanwhile: then it is due at once. A tenth at random keeps cases that failed
-- together from coming back together.
UPDATE restrictions
SET due_at = CASE WHEN version = $3 THEN now() + make_interval(secs => $4 * (1 + random() / 10)) ELSE now() END,
    attempts = attempts + 1, lease_owner = NULL, lease_until = NULL
WHERE restriction_id = $1 AND lease_owner = $2 AND closed_at IS NULL
RETURNING version;

-- cases_of_user --
-- From the user's few cases to the channel, never from the channel's ten thousand groups: a subquery leaves no choice.
SELECT r.restriction_id, r.group_id
FROM restrictions r
WHERE r.bot_id = $1 AND r.user_id = $2 AND r.closed_at IS NULL
  AND (
    SELECT true FROM group_channel_links l
    WHERE l.bot_id = r.bot_id AND l.group_id = r.group_id AND l.channel_id = $3
  );

-- open_case_of --
SELECT restriction_id FROM restrictions
WHERE bot_id = $1 AND user_id = $3 AND group_id = $2 AND closed_at IS NULL;

-- count_open_cases --
SELECT count(*) FROM restrictions
WHERE bot_id = $1 AND group_id = $2 AND closed_at IS NULL AND done IN ('muting', 'muted', 'noticed');

-- prompt_stands --
-- While a prompt is being sent in the group, any message may be that one: its number is not noted yet.
-- Looked for by its number first, and only then among the cases of the group; `+ 0` keeps the first search from these.
SELECT 1 FROM restrictions
WHERE bot_id = $1 AND group_id + 0 = $2 AND closed_at IS NULL AND prompt_message_id = $3
UNION ALL
SELECT 1 FROM shared_prompts WHERE bot_id = $1 AND group_id = $2 AND (message_id = $3 OR lease_until > now())
UNION ALL
SELECT 1 FROM restrictions
WHERE bot_id = $1 AND group_id = $2 AND closed_at IS NULL AND prompt_state = 'sending';

-- muting_cases --
-- What a lift would need of the cases that may have muted somebody, a page at a time.
SELECT restriction_id, bot_id, group_id, user_id, version, our_until, prior, prompt_message_id
FROM restrictions
WHERE closed_at IS NULL AND done IN ('muting', 'muted') AND our_until IS NOT NULL
  AND (bot_id, group_id, user_id) > ($1, $2, $3)
ORDER BY bot_id, group_id, user_id
LIMIT $4;

-- restriction_is_ours --
-- NULL when nothing is known of the user here. Two halves, because each has its index.
SELECT bool_or(our_until = $4) AS ours
FROM (
  SELECT our_until FROM restrictions
  WHERE bot_id = $1 AND group_id = $2 AND user_id = $3 AND closed_at IS NULL
  UNION ALL
  SELECT our_until FROM restrictions
  WHERE bot_id = $1 AND group_id = $2 AND user_id = $3 AND closed_at IS NOT NULL
) AS cases;

-- open_case --
-- The group row is locked against `/unprotect`, which updates it first: no case slips in behind it.
-- A message that is younger than our mute by more than the clocks may differ says that the mute is not in force.
-- What may be done is read from that row, too: an instance may not have heard of the latest settings.
WITH gating AS (
  SELECT enforcement, seq FROM protected_groups g
  WHERE bot_id = $1 AND group_id = $2 AND protected AND paused_reason IS NULL
    AND NOT EXISTS (
      SELECT 1 FROM group_exemptions e WHERE e.bot_id = $1 AND e.group_id = $2 AND e.user_id = $3
    )
  FOR SHARE OF g
), opened AS (
  INSERT INTO restrictions AS r
    (bot_id, group_id, user_id, user_name, language, enforcement, wanted, delete_ids, topic_id, cause,
     configuration)
  SELECT
    $1, $2, $3, $4, $5, enforcement, $6, CASE WHEN enforcement = 'observe' THEN '{}' ELSE $7::bigint[] END, $8, $10,
    seq
  FROM gating
  ON CONFLICT (bot_id, user_id, group_id) WHERE closed_at IS NULL DO UPDATE
  SET delete_ids = CASE
        WHEN cardinality(r.delete_ids) < 1000 THEN r.delete_ids || excluded.delete_ids
        ELSE r.delete_ids
      END,
      enforcement = excluded.enforcement,
      configuration = excluded.configuration,
      language = excluded.language,
      topic_id = coalesce(excluded.topic_id, r.topic_id),
      wanted = CASE
        WHEN r.wanted = 'free' OR $9::timestamptz IS NULL THEN 'check'
        WHEN r.done = 'muted' AND $9::timestamptz > r.done_at + interval '2 seconds' THEN 'check'
        ELSE r.wanted
      END,
      done = CASE
        WHEN r.done = 'muted' AND $9::timestamptz > r.done_at + interval '2 seconds' THEN 'muting'
        ELSE r.done
      END,
      cause = excluded.cause, due_at = now(), attempts = 0,
      -- One more message of somebody on the way to a mute changes nothing that the worker goes by: who writes without a
      -- pause would never be muted.
      version = r.version + CASE
        WHEN r.wanted = 'mute' AND r.done IN ('nothing', 'lifted', 'muting') AND $9::timestamptz IS NOT NULL
          AND r.enforcement = excluded.enforcement THEN 0
        ELSE 1
      END
  RETURNING restriction_id, version, done, delete_ids, r.enforcement, r.xmax = 0 AS is_new
), surplus AS (
  -- The row stays small. What does not fit is deleted apart where the absence is certain, and stays where it is not.
  INSERT INTO scheduled_actions (bot_id, kind, chat_id, message_id, due_at)
  SELECT $1, 'delete_message', $2, message_id, now()
  FROM opened, unnest($7::bigint[]) AS message_id
  WHERE done IN ('muted', 'noticed') AND enforcement <> 'observe' AND message_id <> ALL (delete_ids)
), noted AS (
  INSERT INTO verification_events (bot_id, group_id, user_id, outcome, detail, channels, case_id, seconds)
  SELECT $1, $2, $3, 'stopped', $10, $11, restriction_id, 0 FROM opened
  WHERE is_new
)
SELECT restriction_id FROM opened;

-- share_groups --
-- Groups are locked before cases, as `/unprotect` does it: the other way round two transactions could wait in a ring.
SELECT group_id FROM protected_groups
WHERE bot_id = $1 AND group_id = ANY($2::bigint[])
ORDER BY group_id
FOR SHARE;

-- see_member --
-- Whoever spoke or came in is in the group: should they leave the channel later, they are looked at again.
INSERT INTO group_members_seen (bot_id, group_id, user_id, seen_at)
VALUES ($1, $2, $3, now())
ON CONFLICT (bot_id, group_id, user_id) DO NOTHING;

-- want_cases --
UPDATE restrictions
SET wanted = $2, cause = $3, version = version + 1, due_at = now(), attempts = 0
WHERE restriction_id IN (
  SELECT restriction_id FROM restrictions
  WHERE restriction_id = ANY($1::bigint[]) AND closed_at IS NULL
  ORDER BY restriction_id
  FOR UPDATE
)
RETURNING restriction_id;

-- recheck_for_channel --
-- Somebody who is just being freed, or muted, has left a channel: what was decided before that is decided again. So it
-- is, too, where nobody is gated anew; the cases that were taken hold of before are left out.
UPDATE restrictions r
SET wanted = 'check', cause = 'left_channel', version = r.version + 1, due_at = now(), attempts = 0
WHERE r.bot_id = $1 AND r.user_id = $2 AND r.closed_at IS NULL AND r.restriction_id <> ALL($4::bigint[])
  AND (
    SELECT true FROM group_channel_links l
    WHERE l.bot_id = r.bot_id AND l.group_id = r.group_id AND l.channel_id = $3
  )
RETURNING r.restriction_id;

-- regate --
-- Only groups that have seen the user, so that a channel of ten thousand groups does not cost ten thousand questions.
-- A case that is open is taken hold of right here: closed before the next statement, it would leave them with none.
WITH gating AS (
  SELECT g.group_id, g.language, g.enforcement, g.seq
  FROM group_members_seen s
  JOIN protected_groups g USING (bot_id, group_id)
  WHERE s.bot_id = $1 AND s.user_id = $2 AND g.protected AND g.paused_reason IS NULL
    AND (
      SELECT true FROM group_channel_links l
      WHERE l.bot_id = s.bot_id AND l.group_id = s.group_id AND l.channel_id = $3
    )
    AND coalesce(g.policy ->> 'on_leave', 'regate') = 'regate'
    AND NOT EXISTS (SELECT 1 FROM group_exemptions e WHERE (e.bot_id, e.group_id, e.user_id) = ($1, g.group_id, $2))
  FOR SHARE OF g
), opened AS (
  INSERT INTO restrictions AS r
    (bot_id, group_id, user_id, user_name, language, enforcement, wanted, cause, configuration)
  SELECT $1, group_id, $2, $4, coalesce($5, language), enforcement, 'mute', 'left_channel', seq FROM gating
  ON CONFLICT (bot_id, user_id, group_id) WHERE closed_at IS NULL DO UPDATE
  SET wanted = 'check', cause = 'left_channel', version = r.version + 1, due_at = now(), attempts = 0
  RETURNING restriction_id, group_id, r.xmax = 0 AS is_new
), noted AS (
  INSERT INTO verification_events (bot_id, group_id, user_id, outcome, detail, channels, case_id, seconds)
  SELECT $1, group_id, $2, 'stopped', 'left_channel', ARRAY[$3::bigint], restriction_id, 0 FROM opened
  WHERE is_new
)
SELECT restriction_id FROM opened;

-- moderated_free --
-- A moderator lifted the restriction, or banned the user: nothing of ours is to stand.
WITH freed AS (
  UPDATE restrictions
  SET prior = NULL, wanted = 'free', cause = 'moderator', version = version + 1, due_at = now(), attempts = 0
  WHERE bot_id = $1 AND group_id = $2 AND user_id = $3 AND closed_at IS NULL
  RETURNING *
), noted AS (
  INSERT INTO verification_events (bot_id, group_id, user_id, outcome, detail, case_id, seconds)
  SELECT $1, $2, $3, CASE WHEN $4 THEN 'kicked' ELSE 'moderated' END, CASE WHEN $4 THEN NULL ELSE 'freed' END,
         restriction_id, extract(epoch FROM now() - opened_at)
  FROM freed
)
SELECT restriction_id FROM freed;

-- moderated_restricted --
-- A moderator's restriction becomes what is given back. If it lets the user write, our mute is looked at again.
WITH restricted AS (
  UPDATE restrictions
  SET prior = $4,
      wanted = CASE WHEN $5 AND wanted <> 'free' THEN 'check' ELSE wanted END,
      done = CASE WHEN $5 AND done = 'muted' THEN 'muting' ELSE done END,
      version = version + 1, due_at = now(), attempts = 0
  WHERE bot_id = $1 AND group_id = $2 AND user_id = $3 AND closed_at IS NULL
  RETURNING *
), noted AS (
  INSERT INTO verification_events (bot_id, group_id, user_id, outcome, detail, case_id, seconds)
  SELECT $1, $2, $3, 'moderated', 'restricted', restriction_id, extract(epoch FROM now() - opened_at) FROM restricted
)
SELECT restriction_id FROM restricted;

-- went_away --
-- Nobody is there to read the prompt: it goes, and a new one follows should the user come back. What is due stays due:
-- a case put to sleep here might hold somebody who has joined the channels already.
WITH gone AS (
  UPDATE restrictions r
  SET prompt_state = 'gone', prompt_message_id = NULL, prompt_ephemeral_id = NULL,
      wanted = CASE WHEN wanted = 'mute' THEN 'check' ELSE wanted END,
      version = r.version + 1
  FROM (
    SELECT restriction_id, prompt_message_id, prompt_ephemeral_id FROM restrictions
    WHERE bot_id = $1 AND group_id = $2 AND user_id = $3 AND closed_at IS NULL AND prompt_state = 'sent'
    FOR UPDATE
  ) before
  WHERE r.restriction_id = before.restriction_id
  RETURNING r.bot_id, r.group_id, before.prompt_message_id, before.prompt_ephemeral_id
), fewer AS (
  UPDATE shared_prompts s
  SET due_at = least(due_at, greatest(now() + interval '1 second', quiet_until)), version = version + 1
  FROM gone
  WHERE coalesce(prompt_message_id, prompt_ephemeral_id) IS NULL
    AND (s.bot_id, s.group_id) = (gone.bot_id, gone.group_id)
), noted AS (
  INSERT INTO verification_events (bot_id, group_id, user_id, outcome, case_id, seconds)
  SELECT $1, $2, $3, 'left', restriction_id, extract(epoch FROM now() - opened_at) FROM restrictions
  WHERE bot_id = $1 AND group_id = $2 AND user_id = $3 AND closed_at IS NULL
)
INSERT INTO scheduled_actions (bot_id, kind, chat_id, message_id, user_id, due_at)
SELECT bot_id, CASE WHEN prompt_message_id IS NULL THEN 'delete_ephemeral' ELSE 'delete_message' END, group_id,
       coalesce(prompt_message_id, prompt_ephemeral_id), $3, now()
FROM gone
WHERE coalesce(prompt_message_id, prompt_ephemeral_id) IS NOT NULL;

-- echo_open --
-- The mute landed after the lift had been done, or while it is being done: it has to be lifted again. So it has where
-- only messages go by now.
UPDATE restrictions
SET done = CASE WHEN done = 'muted' THEN done ELSE 'muting' END, version = version + 1, due_at = now(), attempts = 0
WHERE bot_id = $1 AND group_id = $2 AND user_id = $3 AND our_until = $4 AND closed_at IS NULL
  AND (done IN ('lifted', 'noticed') OR wanted = 'free')
RETURNING restriction_id;

-- echo_orphan --
-- The mute landed after its case was closed: the case goes on, unless a later one is open and takes the mute over.
-- That one hands over its own mark: an echo of its mute may be yet to come, and has to find a case as well.
WITH orphan AS (
  SELECT restriction_id, prior, our_until FROM restrictions
  WHERE bot_id = $1 AND group_id = $2 AND user_id = $3 AND our_until = $4 AND closed_at IS NOT NULL
  ORDER BY restriction_id DESC
  LIMIT 1
), later AS (
  SELECT restriction_id, prior, our_until FROM restrictions
  WHERE bot_id = $1 AND group_id = $2 AND user_id = $3 AND closed_at IS NULL
  FOR UPDATE
), adopted AS (
  UPDATE restrictions r
  SET prior = orphan.prior, our_until = orphan.our_until, done = 'muting', wanted = 'check',
      version = r.version + 1, due_at = now(), attempts = 0
  FROM orphan, later
  WHERE r.restriction_id = later.restriction_id
  RETURNING r.restriction_id
), handed_over AS (
  UPDATE restrictions r
  SET prior = later.prior, our_until = later.our_until
  FROM orphan, later
  WHERE r.restriction_id = orphan.restriction_id
), reopened AS (
  UPDATE restrictions r
  SET closed_at = NULL, outcome = NULL, done = 'muting', wanted = 'check', version = r.version + 1, due_at = now(),
      attempts = 0
  FROM orphan
  WHERE r.restriction_id = orphan.restriction_id
    AND NOT EXISTS (SELECT 1 FROM later)
  RETURNING r.restriction_id
)
SELECT restriction_id FROM adopted UNION ALL SELECT restriction_id FROM reopened;

-- arrive --
INSERT INTO group_members_seen AS s (bot_id, group_id, user_id, seen_at, joined_at) VALUES ($1, $2, $3, now(), now())
ON CONFLICT (bot_id, group_id, user_id) DO UPDATE SET joined_at = now() WHERE s.joined_at IS NULL;

-- observe --
-- A case that is closed as soon as it is open; one a day, for a report counts people, not messages.
WITH noted AS (
  INSERT INTO restrictions
    (bot_id, group_id, user_id, user_name, language, enforcement, wanted, cause, closed_at, outcome)
  SELECT $1, $2, $3, $4, language, enforcement, 'check', $5, now(), 'observed' FROM protected_groups
  WHERE bot_id = $1 AND group_id = $2 AND protected AND paused_reason IS NULL AND enforcement = 'observe'
    AND NOT EXISTS (
      SELECT 1 FROM restrictions
      WHERE bot_id = $1 AND user_id = $3 AND group_id = $2 AND outcome = 'observed'
        AND closed_at > now() - interval '1 day'
    )
  RETURNING restriction_id
)
INSERT INTO verification_events (bot_id, group_id, user_id, outcome, detail, channels, case_id, seconds)
SELECT $1, $2, $3, 'observed', $5, $6, restriction_id, 0 FROM noted;

-- remove_message --
INSERT INTO scheduled_actions (bot_id, kind, chat_id, message_id, due_at) VALUES ($1, 'delete_message', $2, $3, now());

-- exempt_unmuted --
-- Only whose mute was ours, recognised by its end.
INSERT INTO group_exemptions (bot_id, group_id, user_id, user_name, added_by)
SELECT bot_id, group_id, user_id, user_name, $5 FROM restrictions
WHERE bot_id = $1 AND group_id = $2 AND user_id = $3 AND our_until = $4 AND closed_at IS NULL
ON CONFLICT (bot_id, group_id, user_id) DO NOTHING
RETURNING user_id;

-- prompt_seen --
-- They have pressed a prompt that only they see, so they do see it: no other one follows.
UPDATE restrictions SET prompt_seen = true
WHERE bot_id = $1 AND user_id = $3 AND group_id = $2 AND closed_at IS NULL AND prompt_ephemeral_id = $4;

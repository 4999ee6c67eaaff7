-- get_protected_group --
SELECT * FROM protected_groups WHERE bot_id = $1 AND group_id = $2;

-- get_group_channels --
-- The channel's link, of an older release or another group, only stands in where there is no other way to join.
SELECT l.group_id, c.channel_id, c.title, c.username,
       coalesce(u.invite_link, CASE WHEN c.username IS NULL THEN c.invite_link END) AS invite_link
FROM group_channel_links l
JOIN channels c USING (bot_id, channel_id)
LEFT JOIN channel_uses u USING (bot_id, channel_id, group_id)
WHERE l.bot_id = $1 AND l.group_id = ANY($2::bigint[])
ORDER BY l.group_id, l.position;

-- former_ids --
SELECT group_id, old_id FROM group_aliases WHERE bot_id = $1 AND group_id = ANY($2::bigint[]);

-- groups_changed_since --
-- By the page: however many there are, none takes longer than a statement may.
SELECT * FROM protected_groups WHERE (seq, bot_id, group_id) > ($1, $2::bigint, $3::bigint)
ORDER BY seq, bot_id, group_id LIMIT $4;

-- upsert_group --
-- What the admins chose, the language too, outlives `/unprotect`; who is there already when the gate closes was there before.
INSERT INTO protected_groups AS g
  (bot_id, group_id, title, username, enforcement, basic_group, language, configured_by, seq)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (bot_id, group_id) DO UPDATE
SET title = excluded.title, username = excluded.username, enforcement = excluded.enforcement,
    basic_group = excluded.basic_group, configured_by = excluded.configured_by,
    protected = true, paused_reason = NULL, updated_at = now(), seq = excluded.seq,
    protected_since = CASE WHEN g.protected THEN g.protected_since ELSE now() END;

-- upsert_channel --
INSERT INTO channels AS c (bot_id, channel_id, title, username, invite_link)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (bot_id, channel_id) DO UPDATE
SET title = excluded.title, username = excluded.username,
    invite_link = coalesce(c.invite_link, excluded.invite_link), updated_at = now();

-- unlink_channels --
DELETE FROM group_channel_links WHERE bot_id = $1 AND group_id = $2;

-- link_channel --
-- What a channel's owner has said since the set-up was checked counts.
INSERT INTO group_channel_links (bot_id, group_id, channel_id, position)
SELECT $1, $2, $3, $4
WHERE NOT EXISTS (
  SELECT 1 FROM channel_uses WHERE bot_id = $1 AND channel_id = $3 AND group_id = $2 AND answer = 'vetoed'
);

-- want_open_cases --
-- Whoever takes one up reads the configuration up to this change first; so below.
UPDATE restrictions
SET wanted = $3, cause = $4, version = version + 1, due_at = now(), attempts = 0,
    configuration = (SELECT seq FROM protected_groups WHERE bot_id = $1 AND group_id = $2)
WHERE restriction_id IN (
  SELECT restriction_id FROM restrictions
  WHERE bot_id = $1 AND group_id = $2 AND closed_at IS NULL
  ORDER BY restriction_id
  FOR UPDATE
)
RETURNING restriction_id;

-- hurry_freeing --
UPDATE restrictions
SET version = version + 1, due_at = now(), attempts = 0
WHERE restriction_id IN (
  SELECT restriction_id FROM restrictions
  WHERE bot_id = $1 AND group_id = $2 AND closed_at IS NULL AND wanted = 'free' AND due_at > now()
  ORDER BY restriction_id
  FOR UPDATE
)
RETURNING restriction_id;

-- unprotect_group --
UPDATE protected_groups
SET protected = false, paused_reason = NULL, updated_at = now(), seq = $3
WHERE bot_id = $1 AND group_id = $2 AND protected
RETURNING group_id;

-- pause_group --
-- Only what was decided on: somebody else may have paused or resumed the group since it was read.
UPDATE protected_groups SET paused_reason = $3, updated_at = now(), seq = $4
WHERE bot_id = $1 AND group_id = $2 AND protected AND paused_reason IS NOT DISTINCT FROM $5
RETURNING group_id;

-- set_policy --
UPDATE protected_groups SET policy = $3, enforcement = $4, updated_at = now(), seq = $5
WHERE bot_id = $1 AND group_id = $2;

-- rule_open_cases --
-- Cases carry what may be done in them, so that no instance acts by settings it has not heard the end of.
UPDATE restrictions
SET kick_from = CASE WHEN $3 = 'kick' AND enforcement <> 'kick' THEN now() ELSE kick_from END,
    enforcement = $3, wanted = $4, cause = 'policy', version = version + 1, due_at = now(), attempts = 0,
    configuration = (SELECT seq FROM protected_groups WHERE bot_id = $1 AND group_id = $2)
WHERE restriction_id IN (
  SELECT restriction_id FROM restrictions
  WHERE bot_id = $1 AND group_id = $2 AND closed_at IS NULL
  ORDER BY restriction_id
  FOR UPDATE
)
RETURNING restriction_id;

-- touch_group --
UPDATE protected_groups SET updated_at = now(), seq = $3 WHERE bot_id = $1 AND group_id = $2 RETURNING group_id;

-- set_prompt_text --
UPDATE protected_groups SET prompt_text = $3, updated_at = now(), seq = $4 WHERE bot_id = $1 AND group_id = $2;

-- set_language --
UPDATE protected_groups SET language = $3, updated_at = now(), seq = $4 WHERE bot_id = $1 AND group_id = $2;

-- exempt_user --
INSERT INTO group_exemptions (bot_id, group_id, user_id, user_name, added_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (bot_id, group_id, user_id) DO NOTHING;

-- unexempt_user --
DELETE FROM group_exemptions WHERE bot_id = $1 AND group_id = $2 AND user_id = $3;

-- want_case_of --
UPDATE restrictions
SET wanted = $4, cause = 'exempt', version = version + 1, due_at = now(), attempts = 0,
    configuration = (SELECT seq FROM protected_groups WHERE bot_id = $1 AND group_id = $2)
WHERE bot_id = $1 AND group_id = $2 AND user_id = $3 AND closed_at IS NULL
RETURNING restriction_id;

-- exempt_of_groups --
SELECT group_id, user_id FROM group_exemptions WHERE bot_id = $1 AND group_id = ANY($2::bigint[]);

-- exemptions --
SELECT user_id, user_name FROM group_exemptions WHERE bot_id = $1 AND group_id = $2
ORDER BY added_at DESC, user_id LIMIT $3;

-- observed --
SELECT user_id, max(user_name) AS user_name, max(closed_at) AS last_at
FROM restrictions
WHERE bot_id = $1 AND group_id = $2 AND closed_at >= $3 AND outcome = 'observed'
GROUP BY user_id
ORDER BY last_at DESC;

-- presence --
SELECT joined_at, passed_at FROM group_members_seen WHERE bot_id = $1 AND group_id = $2 AND user_id = $3;

-- move_group --
-- Restrictions live in supergroups only: what the basic group could only delete for, others are muted for now.
UPDATE protected_groups
SET group_id = $3, basic_group = false, enforcement = coalesce(policy ->> 'enforcement', 'mute'),
    updated_at = now(), seq = $4
WHERE bot_id = $1 AND group_id = $2
  AND NOT EXISTS (SELECT 1 FROM protected_groups WHERE bot_id = $1 AND group_id = $3)
RETURNING group_id, enforcement;

-- move_cases --
UPDATE restrictions
SET group_id = $3, enforcement = $4, wanted = 'check', done = 'nothing', delete_ids = '{}',
    prompt_state = 'none', prompt_message_id = NULL, prompt_ephemeral_id = NULL, cause = 'move',
    version = version + 1, due_at = now(),
    configuration = (SELECT seq FROM protected_groups WHERE bot_id = $1 AND group_id = $3)
WHERE bot_id = $1 AND group_id = $2 AND closed_at IS NULL
RETURNING restriction_id;

-- close_cases_of_group --
-- Of a basic group that is no more: nothing of ours can be in force there.
WITH closed AS (
  UPDATE restrictions
  SET closed_at = now(), outcome = 'moved', due_at = 'infinity', version = version + 1, lease_owner = NULL,
      lease_until = NULL
  WHERE bot_id = $1 AND group_id = $2 AND closed_at IS NULL
  RETURNING *
)
INSERT INTO verification_events (bot_id, group_id, user_id, outcome, case_id, seconds)
SELECT bot_id, group_id, user_id, outcome, restriction_id, extract(epoch FROM now() - opened_at) FROM closed;

-- move_members_seen --
INSERT INTO group_members_seen (bot_id, group_id, user_id, seen_at, joined_at, passed_at)
SELECT bot_id, $3, user_id, seen_at, joined_at, passed_at FROM group_members_seen WHERE bot_id = $1 AND group_id = $2
ON CONFLICT DO NOTHING;

-- add_alias --
INSERT INTO group_aliases (bot_id, old_id, group_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- members_seen --
-- Who is noted here wrote as a member of the channels; whoever was not known in the group before passed at first sight.
WITH seen AS (
  INSERT INTO group_members_seen AS s (bot_id, group_id, user_id, seen_at, passed_at)
  SELECT bot, chat, person, at, at
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[]) AS noted (bot, chat, person, at)
  ON CONFLICT (bot_id, group_id, user_id) DO UPDATE
  SET seen_at = greatest(s.seen_at, excluded.seen_at), passed_at = excluded.passed_at
  WHERE s.seen_at < excluded.seen_at - interval '5 minutes' OR s.passed_at IS NULL
  RETURNING bot_id, group_id, user_id, seen_at, xmax = 0 AS is_new
)
INSERT INTO verification_events (at, bot_id, group_id, user_id, outcome, detail)
SELECT least(seen_at, now()), bot_id, group_id, user_id, 'passed', 'first_sight' FROM seen
WHERE is_new;

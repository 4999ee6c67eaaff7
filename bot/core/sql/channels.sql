-- channel_terms --
SELECT c.consent, c.contact, u.answer, u.invite_link
FROM channels c
LEFT JOIN channel_uses u ON u.bot_id = c.bot_id AND u.channel_id = c.channel_id AND u.group_id = $3
WHERE c.bot_id = $1 AND c.channel_id = $2;

-- channels_known_to --
SELECT c.channel_id, c.title FROM channels c
WHERE c.bot_id = $1 AND (
  c.contact = $2
  OR c.channel_id IN (
    SELECT l.channel_id FROM group_channel_links l
    JOIN protected_groups g USING (bot_id, group_id)
    WHERE l.bot_id = $1 AND g.configured_by = $2
  )
)
ORDER BY c.title, c.channel_id
LIMIT $3;

-- own_channel --
SELECT channel_id, title, consent FROM channels WHERE bot_id = $1 AND channel_id = $2;

-- uses_of_channel --
-- A group that was set up by an older release has a link and no row of its own.
SELECT k.group_id, coalesce(g.title, u.group_title) AS title, coalesce(u.answer, 'none') AS answer,
       l.group_id IS NOT NULL AND g.protected AS in_use, coalesce(u.joins, 0) AS joins
FROM (
  SELECT group_id FROM group_channel_links WHERE bot_id = $1 AND channel_id = $2
  UNION SELECT group_id FROM channel_uses WHERE bot_id = $1 AND channel_id = $2
) k
LEFT JOIN channel_uses u ON u.bot_id = $1 AND u.channel_id = $2 AND u.group_id = k.group_id
LEFT JOIN group_channel_links l ON l.bot_id = $1 AND l.channel_id = $2 AND l.group_id = k.group_id
LEFT JOIN protected_groups g ON g.bot_id = $1 AND g.group_id = k.group_id
ORDER BY coalesce(u.answer, 'none') <> 'asked', l.group_id IS NULL, title, k.group_id
LIMIT $3;

-- give_channel --
INSERT INTO channels (bot_id, channel_id, title, username, contact) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (bot_id, channel_id) DO UPDATE
SET title = excluded.title, username = excluded.username, contact = excluded.contact, updated_at = now();

-- set_consent --
UPDATE channels SET consent = $3, contact = $4, updated_at = now() WHERE bot_id = $1 AND channel_id = $2;

-- answer_use --
-- Who is vetoed does not ask again, and nobody is made to wait who has an answer.
INSERT INTO channel_uses AS u (bot_id, channel_id, group_id, group_title, answer, answered_by)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (bot_id, channel_id, group_id) DO UPDATE
SET answer = excluded.answer, answered_by = excluded.answered_by, answered_at = now(),
    group_title = excluded.group_title
WHERE excluded.answer <> 'asked' OR u.answer = 'none';

-- link_use --
-- The group's own link into the channel, kept while the group requires others, too: it is counted by.
INSERT INTO channel_uses AS u (bot_id, channel_id, group_id, group_title, invite_link) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (bot_id, channel_id, group_id) DO UPDATE
SET group_title = excluded.group_title, invite_link = coalesce(excluded.invite_link, u.invite_link);

-- unlink_channel --
DELETE FROM group_channel_links WHERE bot_id = $1 AND group_id = $2 AND channel_id = $3;

-- channels_left --
SELECT count(*) AS left FROM group_channel_links WHERE bot_id = $1 AND group_id = $2;

-- move_uses --
UPDATE channel_uses SET group_id = $3 WHERE bot_id = $1 AND group_id = $2
  AND channel_id NOT IN (SELECT channel_id FROM channel_uses WHERE bot_id = $1 AND group_id = $3);

-- brought --
UPDATE channel_uses SET joins = joins + 1 WHERE bot_id = $1 AND channel_id = $2 AND invite_link = $3;

-- known_bots --
-- A bot that was removed has left events, and the entry of its removal.
SELECT bot_id FROM bots UNION SELECT bot_id FROM audit_log ORDER BY bot_id;

-- free_user --
UPDATE restrictions
SET wanted = 'free', cause = 'erase', version = version + 1, due_at = now(), attempts = 0
WHERE restriction_id IN (
  SELECT restriction_id FROM restrictions
  WHERE bot_id = $1 AND user_id = $2 AND closed_at IS NULL AND wanted <> 'free'
  ORDER BY restriction_id
  FOR UPDATE
);

-- count_unfreed --
-- A ban of ours that is yet to be lifted counts as well.
SELECT (SELECT count(*) FROM restrictions WHERE bot_id = $1 AND user_id = $2 AND closed_at IS NULL)
     + (SELECT count(*) FROM scheduled_actions
        WHERE bot_id = $1 AND user_id = $2 AND kind = 'unban' AND dead_at IS NULL) AS unfreed;

-- erase_presence --
DELETE FROM group_members_seen WHERE bot_id = $1 AND user_id = $2;

-- erase_events --
DELETE FROM verification_events WHERE bot_id = $1 AND user_id = $2;

-- erase_cases --
-- Of an open case the mark of our mute is needed to lift it.
DELETE FROM restrictions WHERE bot_id = $1 AND user_id = $2 AND closed_at IS NOT NULL;

-- erase_open_cases --
DELETE FROM restrictions WHERE bot_id = $1 AND user_id = $2 AND closed_at IS NULL;

-- erase_exempt_name --
UPDATE group_exemptions SET user_name = user_id::text WHERE bot_id = $1 AND user_id = $2;

-- erase_exemptions --
DELETE FROM group_exemptions WHERE bot_id = $1 AND user_id = $2;

-- erase_exempters --
UPDATE group_exemptions SET added_by = 0 WHERE bot_id = $1 AND added_by = $2;

-- erase_set_ups --
DELETE FROM set_ups WHERE bot_id = $1 AND user_id = $2;

-- erase_channel_requests --
DELETE FROM channel_requests WHERE bot_id = $1 AND user_id = $2;

-- erase_knocks --
DELETE FROM join_requests WHERE bot_id = $1 AND user_id = $2;

-- erase_actions --
-- Messages in a private chat, too: there the chat has the user's number.
DELETE FROM scheduled_actions WHERE bot_id = $1 AND (user_id = $2 OR chat_id = $2);

-- erase_ownership --
DELETE FROM owners WHERE bot_id = $1 AND user_id = $2;

-- erase_configurer --
UPDATE protected_groups SET configured_by = 0, seq = $3 WHERE bot_id = $1 AND configured_by = $2;

-- erase_contact --
UPDATE channels SET contact = NULL WHERE bot_id = $1 AND contact = $2;

-- erase_answerer --
UPDATE channel_uses SET answered_by = NULL WHERE bot_id = $1 AND answered_by = $2;

-- erase_letters --
-- Whoever is named anywhere in an update.
DELETE FROM dead_letters
WHERE bot_id = $1 AND encode(body, 'escape') ~ ('(?<![0-9-])' || $2::bigint::text || '(?![0-9])');

-- pseudonymise_audit --
UPDATE audit_log
SET actor = CASE WHEN actor = $1 THEN $2 ELSE actor END,
    chat_id = CASE WHEN chat_id = $1 THEN $2 ELSE chat_id END,
    detail = regexp_replace(detail::text, '(?<![0-9-])' || $1::bigint::text || '(?![0-9])', $2::bigint::text, 'g')::jsonb
WHERE actor = $1 OR chat_id = $1 OR detail::text ~ ('(?<![0-9-])' || $1::bigint::text || '(?![0-9])');

-- export_members --
SELECT group_id, seen_at, joined_at, passed_at FROM group_members_seen WHERE bot_id = $1 AND user_id = $2
ORDER BY group_id;

-- export_cases --
-- Open cases and closed ones have an index each.
SELECT restriction_id, group_id, user_name, language, wanted, done, cause, outcome, prior, our_until, opened_at, closed_at
FROM (
  SELECT * FROM restrictions WHERE bot_id = $1 AND user_id = $2 AND closed_at IS NULL
  UNION ALL
  SELECT * FROM restrictions WHERE bot_id = $1 AND user_id = $2 AND closed_at IS NOT NULL
) cases
ORDER BY restriction_id;

-- export_events --
SELECT at, group_id, outcome, detail, channels, seconds FROM verification_events WHERE bot_id = $1 AND user_id = $2
ORDER BY at, event_id;

-- export_exemptions --
SELECT group_id, user_name, added_at FROM group_exemptions WHERE bot_id = $1 AND user_id = $2 ORDER BY group_id;

-- export_set_ups --
SELECT group_id, title, created_at FROM set_ups WHERE bot_id = $1 AND user_id = $2 ORDER BY set_up_id;

-- export_knocks --
SELECT group_id, language, expires_at FROM join_requests WHERE bot_id = $1 AND user_id = $2 ORDER BY group_id;

-- export_channel_requests --
SELECT channel_id, asked_at FROM channel_requests WHERE bot_id = $1 AND user_id = $2 ORDER BY channel_id;

-- export_actions --
SELECT kind, chat_id, due_at, until FROM scheduled_actions WHERE bot_id = $1 AND (user_id = $2 OR chat_id = $2)
ORDER BY action_id;

-- export_ownership --
SELECT added_at FROM owners WHERE bot_id = $1 AND user_id = $2;

-- export_groups --
SELECT group_id, title, created_at FROM protected_groups WHERE bot_id = $1 AND configured_by = $2 ORDER BY group_id;

-- export_channels --
SELECT channel_id, title FROM channels WHERE bot_id = $1 AND contact = $2 ORDER BY channel_id;

-- export_answers --
SELECT channel_id, group_id, answer, answered_at FROM channel_uses WHERE bot_id = $1 AND answered_by = $2
ORDER BY channel_id, group_id;

-- export_letters --
-- Only what they sent: another one's update may name them, and is not theirs.
SELECT update_id, died_at, convert_from(body, 'UTF8') AS body FROM dead_letters
WHERE bot_id = $1 AND encode(body, 'escape') ~ ('"from" *: *\{[^{}]*"id" *: *' || $2::bigint::text || '(?![0-9])')
ORDER BY update_id;

-- export_audit --
SELECT at, action, chat_id, detail FROM audit_log WHERE bot_id = $1 AND actor = $2 ORDER BY audit_id;

-- sample_groups --
SELECT g.bot_id, g.group_id, (SELECT seq - 10 FROM config_counter) AS seq, l.channel_id
FROM protected_groups g TABLESAMPLE SYSTEM ($1)
JOIN group_channel_links l USING (bot_id, group_id)
WHERE g.protected AND g.paused_reason IS NULL
LIMIT $2;

-- sample_open_cases --
SELECT r.restriction_id, r.bot_id, r.group_id, r.user_id, r.version, r.our_until, r.prompt_message_id, l.channel_id
FROM restrictions r TABLESAMPLE SYSTEM ($1)
CROSS JOIN LATERAL (
  SELECT channel_id FROM group_channel_links l WHERE (l.bot_id, l.group_id) = (r.bot_id, r.group_id) LIMIT 1
) l
WHERE r.closed_at IS NULL
LIMIT $2;

-- sample_closed_cases --
SELECT restriction_id, bot_id, group_id, user_id, our_until
FROM restrictions TABLESAMPLE SYSTEM ($1)
WHERE closed_at IS NOT NULL AND our_until IS NOT NULL
LIMIT $2;

-- sample_events --
SELECT at, event_id, bot_id, group_id, user_id FROM verification_events TABLESAMPLE SYSTEM ($1) LIMIT $2;

-- sample_members --
SELECT s.bot_id, s.group_id, s.user_id, l.channel_id
FROM group_members_seen s TABLESAMPLE SYSTEM ($1)
CROSS JOIN LATERAL (
  SELECT channel_id FROM group_channel_links l WHERE (l.bot_id, l.group_id) = (s.bot_id, s.group_id) LIMIT 1
) l
LIMIT $2;

-- sample_updates --
SELECT bot_id, update_id FROM updates_done TABLESAMPLE SYSTEM ($1) LIMIT $2;

-- sample_actions --
SELECT action_id, bot_id, chat_id, message_id FROM scheduled_actions TABLESAMPLE SYSTEM ($1) WHERE dead_at IS NULL LIMIT $2;

-- sample_dead --
SELECT d.bot_id, d.update_id, (SELECT min(action_id) FROM scheduled_actions WHERE dead_at IS NOT NULL) AS action_id
FROM dead_letters d TABLESAMPLE SYSTEM ($1)
LIMIT $2;

-- Operators change things from a console, an API and a shell, too.
ALTER TABLE audit_log ADD COLUMN source text NOT NULL DEFAULT 'chat';
CREATE INDEX audit_log_bot ON audit_log (bot_id, audit_id);

-- Operators page through groups and channels by name, and look for those that are not gated.
CREATE INDEX protected_groups_title ON protected_groups (lower(title), bot_id, group_id);
CREATE INDEX protected_groups_paused ON protected_groups (lower(title), bot_id, group_id) WHERE paused_reason IS NOT NULL;
CREATE INDEX channels_title ON channels (lower(title), bot_id, channel_id);

CREATE INDEX protected_groups_paused ON protected_groups (lower(title), bot_id, group_id) WHERE paused_reason IS NOT NULL;
DROP INDEX protected_groups_state;
DROP FUNCTION group_state(boolean, text, text);

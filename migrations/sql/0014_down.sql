DROP INDEX channels_title;
DROP INDEX protected_groups_paused;
DROP INDEX protected_groups_title;
DROP INDEX audit_log_bot;
ALTER TABLE audit_log DROP COLUMN source;

DROP INDEX restrictions_sharing;
DROP TABLE shared_prompts;
DELETE FROM scheduled_actions WHERE kind = 'delete_ephemeral';
ALTER TABLE restrictions DROP COLUMN prompt_seen, DROP COLUMN prompt_ephemeral_id;

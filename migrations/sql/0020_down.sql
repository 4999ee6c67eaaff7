ALTER TABLE protected_groups DROP COLUMN prompt_text;
DROP TABLE channel_uses;
ALTER TABLE channels DROP COLUMN contact, DROP COLUMN consent;

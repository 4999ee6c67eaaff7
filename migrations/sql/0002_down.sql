ALTER TABLE dead_letters DROP COLUMN replay_at;
ALTER TABLE restrictions DROP COLUMN review_version, DROP COLUMN reviewed_at;

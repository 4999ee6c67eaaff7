ALTER TABLE restrictions ADD COLUMN configuration bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN restrictions.configuration IS 'The last change of the group''s settings that reached the case: whoever works on it has read them up to there.';

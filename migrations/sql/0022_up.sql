ALTER TABLE restrictions ADD COLUMN kick_from timestamptz;
COMMENT ON COLUMN restrictions.kick_from IS 'When the group began to remove people who were muted already: their time counts from there.';

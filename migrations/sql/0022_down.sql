ALTER TABLE restrictions DROP COLUMN kick_from;

ALTER TABLE restrictions DROP COLUMN configuration;

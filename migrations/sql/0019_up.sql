ALTER TABLE bots ADD COLUMN menu_set text;
COMMENT ON COLUMN bots.menu_set IS 'Fingerprint of the menu of commands, the descriptions and the default rights last set.';

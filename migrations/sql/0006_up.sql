ALTER TABLE bots
    ADD COLUMN name text CHECK (name ~ '^[A-Za-z0-9_-]{1,64}$'),
    ADD COLUMN token_from text,
    ADD COLUMN secret_encrypted bytea,
    ADD COLUMN former_secret_encrypted bytea,
    ADD COLUMN refused_at timestamptz,
    ADD COLUMN seq bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN bots.name IS 'What operators call the bot; NULL means its username.';
COMMENT ON COLUMN bots.token_from IS 'Fingerprint of the BOT_TOKEN last taken over: the same one again does not undo a rotation.';
COMMENT ON COLUMN bots.secret_encrypted IS 'The webhook secret; NULL means the one derived from the encryption key.';
COMMENT ON COLUMN bots.former_secret_encrypted IS 'Still accepted, until Telegram uses the new secret.';
COMMENT ON COLUMN bots.refused_at IS 'Since when Telegram refuses the token; the work of the bot rests.';
COMMENT ON COLUMN bots.seq IS 'Value of config_counter at the last change that instances must hear of.';
CREATE UNIQUE INDEX bots_name ON bots (lower(name));

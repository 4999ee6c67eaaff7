ALTER TABLE bots
    DROP COLUMN name, DROP COLUMN token_from, DROP COLUMN secret_encrypted, DROP COLUMN former_secret_encrypted,
    DROP COLUMN refused_at, DROP COLUMN seq;

-- bots_of_owner --
SELECT bot_id FROM owners WHERE user_id = $1;

-- owners_of_bot --
SELECT user_id FROM owners WHERE bot_id = $1 ORDER BY added_at, user_id;

-- lock_bot --
-- So that it is not removed before its owner is noted.
SELECT bot_id FROM bots WHERE bot_id = $1 FOR KEY SHARE;

-- add_owner --
INSERT INTO owners (bot_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING user_id;

-- drop_owner --
DELETE FROM owners WHERE bot_id = $1 AND user_id = $2 RETURNING user_id;

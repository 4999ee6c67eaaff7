-- bump_config --
-- Every configuration transaction begins here; the row's lock makes them serial and `seq` their commit order.
UPDATE config_counter SET seq = seq + 1 RETURNING seq;

-- config_seq --
SELECT seq FROM config_counter;

-- audit --
INSERT INTO audit_log (bot_id, actor, action, chat_id, detail, source) VALUES ($1, $2, $3, $4, $5, $6);

-- add_api_token --
INSERT INTO api_tokens (name, digest, scope, bots, expires_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (name) DO NOTHING
RETURNING *;

-- find_api_token --
SELECT *, used_at IS NULL OR used_at < now() - interval '1 minute' AS is_long_unused FROM api_tokens
WHERE digest = $1 AND (expires_at IS NULL OR expires_at > now());

-- api_token_used --
UPDATE api_tokens SET used_at = now() WHERE token_id = $1;

-- api_tokens --
SELECT * FROM api_tokens ORDER BY name;

-- drop_api_token --
DELETE FROM api_tokens WHERE name = $1 RETURNING token_id;

-- claim_api_key --
-- Whoever claimed it a minute ago and answered nothing is dead: a request is given up much sooner.
INSERT INTO api_requests AS r (token_id, key, request) VALUES ($1, $2, $3)
ON CONFLICT (token_id, key) DO UPDATE SET begun_at = now()
WHERE r.status IS NULL AND r.request = excluded.request AND r.begun_at < now() - interval '1 minute'
RETURNING key;

-- api_answer --
SELECT request, status, body FROM api_requests WHERE token_id = $1 AND key = $2;

-- keep_api_answer --
UPDATE api_requests SET status = $3, body = $4 WHERE token_id = $1 AND key = $2;

-- give_back_api_key --
DELETE FROM api_requests WHERE token_id = $1 AND key = $2 AND status IS NULL;

-- forget_api_answers --
DELETE FROM api_requests WHERE begun_at < now() - interval '1 day';

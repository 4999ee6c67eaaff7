-- asked_channel --
-- Asking again prolongs nothing.
INSERT INTO channel_requests (bot_id, user_id, channel_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- channel_request_over --
DELETE FROM channel_requests WHERE bot_id = $1 AND user_id = $2 AND channel_id = $3;

-- channels_asked --
SELECT channel_id FROM channel_requests
WHERE bot_id = $1 AND user_id = $2 AND asked_at > now() - make_interval(mins => $3);

-- forget_channel_requests --
DELETE FROM channel_requests WHERE asked_at < now() - interval '7 days';

-- Who has asked to join a channel. Telegram tells neither of a refusal nor of a request taken back.
CREATE TABLE channel_requests (
    bot_id      bigint NOT NULL REFERENCES bots ON DELETE CASCADE,
    user_id     bigint NOT NULL,
    channel_id  bigint NOT NULL,
    asked_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bot_id, user_id, channel_id)
);
CREATE INDEX channel_requests_by_age ON channel_requests (asked_at);

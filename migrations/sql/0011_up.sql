-- Who asks to be let into a group, until they are answered.
CREATE TABLE join_requests (
    bot_id       bigint NOT NULL,
    group_id     bigint NOT NULL,
    user_id      bigint NOT NULL,
    language     text NOT NULL,
    due_at       timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL DEFAULT now() + interval '1 day',
    is_told      boolean NOT NULL DEFAULT false,
    message_id   bigint,
    version      integer NOT NULL DEFAULT 1,
    attempts     integer NOT NULL DEFAULT 0,
    lease_owner  uuid,
    lease_until  timestamptz,
    PRIMARY KEY (bot_id, group_id, user_id),
    FOREIGN KEY (bot_id, group_id) REFERENCES protected_groups ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX join_requests_due ON join_requests (due_at);
-- Who joins a channel is looked up by user, in whatever groups they ask for.
CREATE INDEX join_requests_user ON join_requests (bot_id, user_id);

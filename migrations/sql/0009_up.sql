-- Which group somebody sets up in their private chat with the bot. The number is the request_id of the channel picker.
CREATE TABLE set_ups (
  set_up_id   integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  bot_id      bigint      NOT NULL REFERENCES bots ON DELETE CASCADE,
  user_id     bigint      NOT NULL,
  group_id    bigint      NOT NULL,
  title       text        NOT NULL,
  username    text,
  basic_group boolean     NOT NULL,
  before      bigint[]    NOT NULL,
  picked      bigint,
  created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX set_ups_of_user ON set_ups (bot_id, user_id, created_at);
CREATE INDEX set_ups_by_age ON set_ups (created_at);

-- Whom a channel belongs to sees which groups require it, and decides which may.
ALTER TABLE channels
  ADD COLUMN consent boolean NOT NULL DEFAULT false,
  ADD COLUMN contact bigint;
COMMENT ON COLUMN channels.consent IS 'Only groups that were allowed may require the channel from now on.';
COMMENT ON COLUMN channels.contact IS 'Who made the bot an admin of the channel, or looked after it last.';

-- What one group has to do with one channel, also while it does not require it.
CREATE TABLE channel_uses (
  bot_id       bigint      NOT NULL,
  channel_id   bigint      NOT NULL,
  group_id     bigint      NOT NULL,
  group_title  text        NOT NULL,
  answer       text        NOT NULL DEFAULT 'none' CHECK (answer IN ('none', 'asked', 'allowed', 'vetoed')),
  answered_by  bigint,
  answered_at  timestamptz NOT NULL DEFAULT now(),
  invite_link  text,
  joins        bigint      NOT NULL DEFAULT 0,
  PRIMARY KEY (bot_id, channel_id, group_id),
  FOREIGN KEY (bot_id, channel_id) REFERENCES channels ON DELETE CASCADE
);
-- A group that becomes a supergroup takes its rows along.
CREATE INDEX channel_uses_group ON channel_uses (bot_id, group_id);

-- What an admin says to strangers instead of the catalog's words: Telegram's HTML, checked.
ALTER TABLE protected_groups ADD COLUMN prompt_text text;

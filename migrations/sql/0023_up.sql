-- A prompt that only its member sees has an id of its own kind; once it stood in vain, the next is an ordinary one.
ALTER TABLE restrictions ADD COLUMN prompt_ephemeral_id bigint, ADD COLUMN prompt_seen boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN restrictions.prompt_ephemeral_id IS 'The prompt that only its member sees; beside any state but sent: one that stood in vain.';
COMMENT ON COLUMN restrictions.prompt_seen IS 'The member has pressed the button of a prompt that only they see.';

-- The one prompt that stands for many when a crowd comes. Its cases are those whose prompt is sent and has no id.
CREATE TABLE shared_prompts (
    bot_id       bigint NOT NULL REFERENCES bots ON DELETE CASCADE,
    group_id     bigint NOT NULL,
    minute_at    timestamptz NOT NULL DEFAULT now(),
    in_minute    integer NOT NULL DEFAULT 0,
    topic_id     bigint,
    message_id   bigint,
    shown        integer NOT NULL DEFAULT 0,
    sent_at      timestamptz,
    quiet_until  timestamptz NOT NULL DEFAULT '-infinity',
    due_at       timestamptz NOT NULL DEFAULT 'infinity',
    version      integer NOT NULL DEFAULT 1,
    attempts     integer NOT NULL DEFAULT 0,
    lease_owner  uuid,
    lease_until  timestamptz,
    PRIMARY KEY (bot_id, group_id)
);
COMMENT ON COLUMN shared_prompts.in_minute IS 'Prompts asked for in the minute that began at minute_at: the first few are each member''s own.';
COMMENT ON COLUMN shared_prompts.quiet_until IS 'The group hears no change before this.';
CREATE INDEX shared_prompts_due ON shared_prompts (due_at) WHERE due_at < 'infinity';
CREATE INDEX restrictions_sharing ON restrictions (bot_id, group_id)
    WHERE closed_at IS NULL AND prompt_state = 'sent' AND prompt_message_id IS NULL AND prompt_ephemeral_id IS NULL;

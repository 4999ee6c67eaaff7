-- Everything is scoped by bot: one deployment hosts many bots, and none may see another's rows.

CREATE TABLE schema_requirements (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    min_code  integer NOT NULL
);
COMMENT ON TABLE schema_requirements IS 'min_code: the lowest CODE_LEVEL that can live with this schema; a migration that breaks old code raises it.';
INSERT INTO schema_requirements (min_code) VALUES (1);

CREATE TABLE instances (
    instance_id  uuid PRIMARY KEY,
    started_at   timestamptz NOT NULL DEFAULT now(),
    beat_at      timestamptz NOT NULL DEFAULT now(),
    host         text NOT NULL,
    version      text NOT NULL
);

CREATE TABLE bots (
    bot_id           bigint PRIMARY KEY,
    username         text NOT NULL,
    token_encrypted  bytea NOT NULL,
    webhook_set      text,
    enabled          boolean NOT NULL DEFAULT true,
    added_at         timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN bots.webhook_set IS 'Fingerprint of the URL, secret and kinds of updates last set: Telegram does not tell the secret back.';

CREATE TABLE owners (
    bot_id    bigint NOT NULL REFERENCES bots ON DELETE CASCADE,
    user_id   bigint NOT NULL,
    added_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bot_id, user_id)
);

-- The counter row is updated in every configuration transaction. Its lock makes these transactions serial, so
-- `seq` of the rows below is in commit order and an instance that polls it misses nothing.
CREATE TABLE config_counter (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    seq       bigint NOT NULL
);
INSERT INTO config_counter (seq) VALUES (0);

CREATE TABLE protected_groups (
    bot_id         bigint NOT NULL REFERENCES bots ON DELETE CASCADE,
    group_id       bigint NOT NULL,
    title          text NOT NULL,
    username       text,
    enforcement    text NOT NULL DEFAULT 'mute' CHECK (enforcement IN ('mute', 'delete')),
    on_unknown     text NOT NULL DEFAULT 'pass' CHECK (on_unknown IN ('pass', 'hold')),
    language       text NOT NULL DEFAULT 'en',
    protected      boolean NOT NULL DEFAULT true,
    paused_reason  text,
    configured_by  bigint NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    seq            bigint NOT NULL,
    PRIMARY KEY (bot_id, group_id)
);
CREATE UNIQUE INDEX protected_groups_one_gate ON protected_groups (group_id) WHERE protected;
CREATE INDEX protected_groups_seq ON protected_groups (seq);

CREATE TABLE group_aliases (
    bot_id    bigint NOT NULL REFERENCES bots ON DELETE CASCADE,
    old_id    bigint NOT NULL,
    group_id  bigint NOT NULL,
    moved_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bot_id, old_id)
);

CREATE TABLE channels (
    bot_id       bigint NOT NULL REFERENCES bots ON DELETE CASCADE,
    channel_id   bigint NOT NULL,
    title        text NOT NULL,
    username     text,
    invite_link  text,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bot_id, channel_id)
);

CREATE TABLE group_channel_links (
    bot_id      bigint NOT NULL,
    group_id    bigint NOT NULL,
    channel_id  bigint NOT NULL,
    position    smallint NOT NULL,
    PRIMARY KEY (bot_id, group_id, channel_id),
    FOREIGN KEY (bot_id, group_id) REFERENCES protected_groups ON UPDATE CASCADE ON DELETE CASCADE,
    FOREIGN KEY (bot_id, channel_id) REFERENCES channels ON DELETE CASCADE
);
CREATE INDEX group_channel_links_channel ON group_channel_links (bot_id, channel_id);

-- The ledger. A row is one case: what GMBot wants of one user in one group, and what it has done there.
CREATE TABLE restrictions (
    restriction_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bot_id             bigint NOT NULL REFERENCES bots ON DELETE CASCADE,
    group_id           bigint NOT NULL,
    user_id            bigint NOT NULL,
    user_name          text NOT NULL,
    language           text NOT NULL,
    enforcement        text NOT NULL CHECK (enforcement IN ('mute', 'delete')),
    wanted             text NOT NULL CHECK (wanted IN ('check', 'mute', 'free')),
    done               text NOT NULL DEFAULT 'nothing' CHECK (done IN ('nothing', 'muting', 'muted', 'noticed', 'lifted')),
    done_at            timestamptz NOT NULL DEFAULT now(),
    version            integer NOT NULL DEFAULT 1,
    prior              jsonb,
    our_until          timestamptz,
    delete_ids         bigint[] NOT NULL DEFAULT '{}',
    topic_id           bigint,
    prompt_state       text NOT NULL DEFAULT 'none' CHECK (prompt_state IN ('none', 'sending', 'sent', 'failed', 'gone')),
    prompt_chat_id     bigint,
    prompt_message_id  bigint,
    prompt_channels    bigint[] NOT NULL DEFAULT '{}',
    prompt_sent_at     timestamptz,
    lease_owner        uuid,
    lease_until        timestamptz,
    due_at             timestamptz NOT NULL DEFAULT now(),
    attempts           integer NOT NULL DEFAULT 0,
    opened_at          timestamptz NOT NULL DEFAULT now(),
    closed_at          timestamptz,
    outcome            text
);
CREATE UNIQUE INDEX restrictions_open ON restrictions (bot_id, user_id, group_id) WHERE closed_at IS NULL;
CREATE INDEX restrictions_open_group ON restrictions (bot_id, group_id) WHERE closed_at IS NULL;
CREATE INDEX restrictions_due ON restrictions (due_at) WHERE closed_at IS NULL AND due_at < 'infinity';
CREATE INDEX restrictions_closed ON restrictions (closed_at) WHERE closed_at IS NOT NULL;

CREATE TABLE scheduled_actions (
    action_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bot_id       bigint NOT NULL REFERENCES bots ON DELETE CASCADE,
    kind         text NOT NULL,
    chat_id      bigint NOT NULL,
    message_id   bigint,
    due_at       timestamptz NOT NULL,
    lease_owner  uuid,
    lease_until  timestamptz,
    attempts     integer NOT NULL DEFAULT 0,
    dead_at      timestamptz,
    last_error   text
);
CREATE INDEX scheduled_actions_due ON scheduled_actions (due_at) WHERE dead_at IS NULL;

-- One row per update that went past the gate: claimed, then done in the transaction of its intent.
CREATE TABLE updates_done (
    bot_id      bigint NOT NULL,
    update_id   bigint NOT NULL,
    state       text NOT NULL CHECK (state IN ('claimed', 'done', 'dead')),
    owner       uuid NOT NULL,
    attempts    integer NOT NULL DEFAULT 1,
    claimed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bot_id, update_id)
);
CREATE INDEX updates_done_age ON updates_done (claimed_at);

CREATE TABLE dead_letters (
    bot_id     bigint NOT NULL,
    update_id  bigint NOT NULL,
    body       bytea NOT NULL,
    error      text NOT NULL,
    died_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bot_id, update_id)
);

CREATE TABLE group_members_seen (
    bot_id    bigint NOT NULL REFERENCES bots ON DELETE CASCADE,
    group_id  bigint NOT NULL,
    user_id   bigint NOT NULL,
    seen_at   timestamptz NOT NULL,
    PRIMARY KEY (bot_id, group_id, user_id)
);
-- Who leaves a channel is looked up by user: in which of its ten thousand groups were they seen?
CREATE INDEX group_members_seen_user ON group_members_seen (bot_id, user_id);

CREATE TABLE verification_events (
    at        timestamptz NOT NULL DEFAULT now(),
    bot_id    bigint NOT NULL,
    group_id  bigint NOT NULL,
    user_id   bigint NOT NULL,
    outcome   text NOT NULL,
    detail    text
) PARTITION BY RANGE (at);
CREATE TABLE verification_events_rest PARTITION OF verification_events DEFAULT;
CREATE INDEX verification_events_group ON verification_events (bot_id, group_id, at DESC);
CREATE INDEX verification_events_user ON verification_events (bot_id, user_id, at DESC);

CREATE TABLE audit_log (
    audit_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now(),
    bot_id    bigint NOT NULL,
    actor     bigint NOT NULL,
    action    text NOT NULL,
    chat_id   bigint,
    detail    jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_chat ON audit_log (bot_id, chat_id, at DESC);

ALTER TABLE protected_groups
    ADD COLUMN policy jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN basic_group boolean NOT NULL DEFAULT false,
    ADD COLUMN protected_since timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN protected_groups.policy IS 'What the admins chose, where it is not the default; bot/domain/policy.py names the settings and their options.';
COMMENT ON COLUMN protected_groups.enforcement IS 'What can be done of the enforcement that was chosen: a basic group knows no restrictions.';
UPDATE protected_groups
SET basic_group = enforcement = 'delete', protected_since = created_at,
    policy = CASE WHEN on_unknown = 'hold' THEN '{"on_unknown": "hold"}'::jsonb ELSE '{}'::jsonb END;
ALTER TABLE protected_groups
    DROP COLUMN on_unknown,
    DROP CONSTRAINT protected_groups_enforcement_check,
    ADD CONSTRAINT protected_groups_enforcement_check CHECK (enforcement IN ('mute', 'delete', 'observe', 'kick'));
ALTER TABLE restrictions
    DROP CONSTRAINT restrictions_enforcement_check,
    ADD CONSTRAINT restrictions_enforcement_check CHECK (enforcement IN ('mute', 'delete', 'observe', 'kick'));
CREATE INDEX restrictions_observed ON restrictions (bot_id, group_id, closed_at) WHERE outcome = 'observed';

-- Who may write whatever they are in.
CREATE TABLE group_exemptions (
    bot_id     bigint NOT NULL,
    group_id   bigint NOT NULL,
    user_id    bigint NOT NULL,
    user_name  text NOT NULL,
    added_by   bigint NOT NULL,
    added_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bot_id, group_id, user_id),
    FOREIGN KEY (bot_id, group_id) REFERENCES protected_groups ON UPDATE CASCADE ON DELETE CASCADE
);

ALTER TABLE group_members_seen ADD COLUMN joined_at timestamptz, ADD COLUMN passed_at timestamptz;
COMMENT ON COLUMN group_members_seen.joined_at IS 'When they were first seen to come in; null for who was there before.';
COMMENT ON COLUMN group_members_seen.passed_at IS 'When they last wrote as a member of the channels; as exact as the batches are.';

ALTER TABLE scheduled_actions ADD COLUMN user_id bigint, ADD COLUMN until timestamptz;
COMMENT ON COLUMN scheduled_actions.until IS 'The end of the ban that is ours to lift: a ban with another end is somebody else''s.';

UPDATE schema_requirements SET min_code = greatest(min_code, 2);

DELETE FROM scheduled_actions WHERE kind = 'unban';
ALTER TABLE scheduled_actions DROP COLUMN until, DROP COLUMN user_id;
ALTER TABLE group_members_seen DROP COLUMN passed_at, DROP COLUMN joined_at;
DROP TABLE group_exemptions;
DROP INDEX restrictions_observed;
UPDATE restrictions SET enforcement = 'mute' WHERE enforcement IN ('observe', 'kick');
ALTER TABLE restrictions
    DROP CONSTRAINT restrictions_enforcement_check,
    ADD CONSTRAINT restrictions_enforcement_check CHECK (enforcement IN ('mute', 'delete'));
UPDATE protected_groups SET enforcement = CASE WHEN basic_group THEN 'delete' ELSE 'mute' END;
ALTER TABLE protected_groups
    ADD COLUMN on_unknown text NOT NULL DEFAULT 'pass' CHECK (on_unknown IN ('pass', 'hold')),
    DROP CONSTRAINT protected_groups_enforcement_check,
    ADD CONSTRAINT protected_groups_enforcement_check CHECK (enforcement IN ('mute', 'delete'));
UPDATE protected_groups SET on_unknown = 'hold' WHERE policy ->> 'on_unknown' = 'hold';
ALTER TABLE protected_groups DROP COLUMN protected_since, DROP COLUMN basic_group, DROP COLUMN policy;
UPDATE schema_requirements SET min_code = 1;

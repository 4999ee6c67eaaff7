DROP INDEX group_members_seen_joined;
DROP TABLE group_days;

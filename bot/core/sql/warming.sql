-- recently_seen --
-- A page of a group's members, the latest seen first. Who is seen meanwhile moves to the front, and is known by then.
SELECT user_id, seen_at FROM group_members_seen
WHERE bot_id = $1 AND group_id = $2 AND seen_at > $3 AND (seen_at, user_id) < ($4, $5)
ORDER BY seen_at DESC, user_id DESC
LIMIT $6;

-- count_recently_seen --
-- Of one of the groups only those behind a sighting: where a round goes on.
SELECT count(*) FROM group_members_seen
WHERE bot_id = $1 AND group_id = ANY($2::bigint[]) AND seen_at > $3
  AND (group_id <> $4 OR (seen_at, user_id) < ($5, $6));

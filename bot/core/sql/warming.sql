-- recently_seen --
-- A page of a group's members, the latest seen first. Who is seen meanwhile moves to the front, and is known by then.
-- Who is held back is left out: their joins are told by events. It sorts the group for each page of a hundred, which
-- takes the budget 20 s; an index on seen_at would make every sighting dearer instead.
SELECT user_id, seen_at FROM group_members_seen s
WHERE bot_id = $1 AND group_id = $2 AND seen_at > $3 AND (seen_at, user_id) < ($4, $5)
  AND NOT EXISTS (
    SELECT 1 FROM restrictions r
    WHERE r.bot_id = s.bot_id AND r.user_id = s.user_id AND r.group_id = s.group_id AND r.closed_at IS NULL
  )
ORDER BY seen_at DESC, user_id DESC
LIMIT $6;

-- count_recently_seen --
-- Of one of the groups only those behind a sighting: where a round goes on.
SELECT count(*) FROM group_members_seen s
WHERE bot_id = $1 AND group_id = ANY($2::bigint[]) AND seen_at > $3
  AND (group_id <> $4 OR (seen_at, user_id) < ($5, $6))
  AND NOT EXISTS (
    SELECT 1 FROM restrictions r
    WHERE r.bot_id = s.bot_id AND r.user_id = s.user_id AND r.group_id = s.group_id AND r.closed_at IS NULL
  );

-- Who went away is reviewed, too, and is wanted otherwise than muted.
DROP INDEX restrictions_review;
CREATE INDEX restrictions_review ON restrictions ((coalesce(reviewed_at, done_at)))
    WHERE closed_at IS NULL AND done IN ('muted', 'noticed');

DROP INDEX restrictions_review;
CREATE INDEX restrictions_review ON restrictions ((coalesce(reviewed_at, done_at)))
    WHERE closed_at IS NULL AND wanted = 'mute';

ALTER TABLE restrictions ADD COLUMN review_version integer, ADD COLUMN reviewed_at timestamptz;
COMMENT ON COLUMN restrictions.review_version IS 'The version in which the case is compared with Telegram; any change of the case ends the review.';
CREATE INDEX restrictions_review ON restrictions ((coalesce(reviewed_at, done_at)))
    WHERE closed_at IS NULL AND wanted = 'mute';
CREATE INDEX restrictions_in_review ON restrictions (restriction_id)
    WHERE closed_at IS NULL AND review_version = version;

ALTER TABLE dead_letters ADD COLUMN replay_at timestamptz;
COMMENT ON COLUMN dead_letters.replay_at IS 'Since when a running instance is to handle the update once more.';
CREATE INDEX dead_letters_replay ON dead_letters (replay_at) WHERE replay_at IS NOT NULL;

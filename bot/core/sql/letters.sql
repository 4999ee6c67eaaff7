-- letters --
-- The body only for whoever asks for one letter: it holds what people wrote.
SELECT bot_id, update_id, error, died_at, replay_at FROM dead_letters
WHERE $1::bigint IS NULL OR bot_id = $1
ORDER BY died_at;

-- letter --
SELECT bot_id, update_id, error, died_at, replay_at, body FROM dead_letters WHERE bot_id = $1 AND update_id = $2;

-- replay_letter --
-- Without its mark the update counts as never seen.
WITH marked AS (
  UPDATE dead_letters SET replay_at = coalesce(replay_at, now()) WHERE bot_id = $1 AND update_id = $2
  RETURNING bot_id, update_id
), unmarked AS (
  DELETE FROM updates_done d USING marked
  WHERE d.bot_id = marked.bot_id AND d.update_id = marked.update_id AND d.state = 'dead'
)
SELECT update_id FROM marked;

-- letters_to_replay --
SELECT bot_id, update_id, body FROM dead_letters
WHERE replay_at IS NOT NULL AND bot_id = ANY($1::bigint[])
ORDER BY replay_at, update_id
LIMIT $2;

-- letter_replayed --
-- An update that failed again has been buried again, and waits for another decision.
DELETE FROM dead_letters WHERE bot_id = $1 AND update_id = $2 AND replay_at IS NOT NULL;

-- drop_letter --
DELETE FROM dead_letters WHERE bot_id = $1 AND update_id = $2 RETURNING update_id;

-- dead_actions --
SELECT action_id, bot_id, kind, chat_id, message_id, attempts, dead_at, last_error FROM scheduled_actions
WHERE dead_at IS NOT NULL AND ($1::bigint IS NULL OR bot_id = $1)
ORDER BY dead_at;

-- bot_of_action --
SELECT bot_id FROM scheduled_actions WHERE action_id = $1;

-- replay_action --
UPDATE scheduled_actions SET dead_at = NULL, attempts = 0, due_at = now()
WHERE action_id = $1 AND dead_at IS NOT NULL
RETURNING action_id;

-- drop_action --
DELETE FROM scheduled_actions WHERE action_id = $1 AND dead_at IS NOT NULL RETURNING action_id;

-- count_dead --
SELECT (SELECT count(*) FROM dead_letters) AS letters,
       (SELECT count(*) FROM scheduled_actions WHERE dead_at IS NOT NULL) AS actions;

-- case_prompting --
-- Committed before a prompt is sent. The first few of a minute are each member's own; who comes after them shares the
-- group's one prompt, which is due a moment later, for it to count those who come together. The group's row serialises
-- those who ask at the same time; everybody locks it after the case. Who asks again because a try failed is not counted
-- again.
WITH mine AS (
  SELECT restriction_id, bot_id, group_id, topic_id, (prompt_state <> 'sending')::integer AS one FROM restrictions
  WHERE restriction_id = $1 AND lease_owner = $2 AND lease_until > now() AND closed_at IS NULL
  FOR UPDATE
), shared AS (
  INSERT INTO shared_prompts AS s (bot_id, group_id, in_minute) SELECT bot_id, group_id, 1 FROM mine
  ON CONFLICT (bot_id, group_id) DO UPDATE
  SET (minute_at, in_minute, due_at, topic_id, version) = (
    SELECT
      CASE WHEN is_over THEN now() ELSE s.minute_at END,
      number,
      CASE WHEN number > $4 THEN least(s.due_at, greatest(now() + make_interval(secs => $5), s.quiet_until))
           ELSE s.due_at END,
      CASE WHEN s.message_id IS NULL THEN mine.topic_id ELSE s.topic_id END,
      s.version + (number > $4)::integer
    FROM mine
    CROSS JOIN LATERAL (SELECT s.minute_at < now() - interval '1 minute' AS is_over) AS minute
    CROSS JOIN LATERAL (SELECT CASE WHEN is_over THEN 1 ELSE s.in_minute + mine.one END AS number) AS place
  )
  RETURNING in_minute > $4 AS is_full
)
UPDATE restrictions r
SET prompt_state = CASE WHEN is_full THEN 'sent' ELSE 'sending' END,
    prompt_message_id = NULL,
    prompt_ephemeral_id = CASE WHEN is_full THEN NULL ELSE prompt_ephemeral_id END,
    prompt_seen = false,
    prompt_sent_at = CASE WHEN is_full THEN now() ELSE prompt_sent_at END,
    prompt_channels = $3
FROM shared
WHERE r.restriction_id = (SELECT restriction_id FROM mine)
RETURNING r.*;

-- take_shared_prompts --
UPDATE shared_prompts s
SET lease_owner = $1, lease_until = now() + interval '10 seconds'
WHERE (bot_id, group_id) IN (
  SELECT bot_id, group_id FROM shared_prompts
  WHERE due_at <= now() AND due_at < 'infinity' AND (lease_until IS NULL OR lease_until < now())
    AND bot_id <> ALL (ARRAY(SELECT bot_id FROM bots WHERE NOT enabled OR refused_at IS NOT NULL))
  ORDER BY due_at
  LIMIT $2
  FOR UPDATE SKIP LOCKED
)
RETURNING s.*, (
  SELECT count(*) FROM restrictions r
  WHERE r.bot_id = s.bot_id AND r.group_id = s.group_id AND r.closed_at IS NULL AND r.prompt_state = 'sent'
    AND r.prompt_message_id IS NULL AND r.prompt_ephemeral_id IS NULL
) AS waiting;

-- shared_prompt_stands --
-- The older the message, the longer the group is spared a change of it; what changed meanwhile is shown after that.
WITH age AS (
  SELECT bot_id, group_id, version <> $6 AS is_behind,
         CASE WHEN message_id IS DISTINCT FROM $4 OR sent_at IS NULL THEN now() ELSE sent_at END AS sent_at
  FROM shared_prompts
  WHERE bot_id = $1 AND group_id = $2 AND lease_owner = $3
  FOR UPDATE
), pause AS (
  SELECT *, CASE WHEN $4::bigint IS NULL THEN now()
                 ELSE now() + least(greatest(now() - sent_at, $7::interval), $8::interval) END AS quiet_until
  FROM age
)
UPDATE shared_prompts s
SET message_id = $4, shown = $5, sent_at = pause.sent_at, quiet_until = pause.quiet_until, attempts = 0,
    due_at = CASE
      WHEN is_behind THEN pause.quiet_until
      -- Where nobody is gated at the moment, who shares it is freed, or gated again before that.
      WHEN $4::bigint IS NULL AND $10 THEN now() + interval '10 seconds'
      WHEN $4::bigint IS NULL THEN 'infinity'
      ELSE pause.sent_at + $9::interval
    END,
    lease_owner = NULL, lease_until = NULL
FROM pause
WHERE (s.bot_id, s.group_id) = (pause.bot_id, pause.group_id);

-- shared_prompt_later --
UPDATE shared_prompts
SET due_at = now() + make_interval(secs => $4), attempts = attempts + 1, lease_owner = NULL, lease_until = NULL
WHERE bot_id = $1 AND group_id = $2 AND lease_owner = $3;

-- ephemeral_prompt_stands --
SELECT 1 FROM restrictions
WHERE bot_id = $1 AND user_id = $3 AND group_id = $2 AND closed_at IS NULL
  AND (prompt_state = 'sending' OR (prompt_state = 'sent' AND prompt_ephemeral_id = $4));

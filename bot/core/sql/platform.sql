-- beat --
INSERT INTO instances (instance_id, host, version) VALUES ($1, $2, $3)
ON CONFLICT (instance_id) DO UPDATE SET beat_at = now()
RETURNING (
  SELECT count(*) FROM instances WHERE instance_id <> $1 AND beat_at > now() - $4::interval
) AS others;

-- leave --
DELETE FROM instances WHERE instance_id = $1;

-- forget_instances --
DELETE FROM instances WHERE beat_at < now() - interval '1 day';

-- ping --
-- A standby answers, too; whoever asks wants to know whether anything can be written.
SELECT current_setting('transaction_read_only')::boolean AS read_only;

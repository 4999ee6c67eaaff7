-- Publishes what was not published yet. A line that two instances find, or one finds twice, is in the stream once.
-- KEYS: stream, what was published lately. ARGV: now and how long to remember in ms, length, then name, line, name, ...
local now, keep = tonumber(ARGV[1]), tonumber(ARGV[2])
for at = 4, #ARGV, 2 do
  if redis.call('ZADD', KEYS[2], 'NX', now, ARGV[at]) == 1 then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'line', ARGV[at + 1])
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - keep)
redis.call('PEXPIRE', KEYS[1], 86400000)
redis.call('PEXPIRE', KEYS[2], 86400000)
return 1

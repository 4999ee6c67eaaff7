-- Write the copy of a case anew, for whoever holds the turn: Redis may have lost everything again, and with it what is
-- newer than the row that was read. What is there is never replaced by its like, only kept for longer.
-- KEYS: turn, copy, the user's copies. ARGV: token, version, text, case, ms to keep. Answers 0 when the turn is over.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local held, version = tonumber(redis.call('HGET', KEYS[2], 'version') or -1), tonumber(ARGV[2])
if held > version then return 1 end
if held < version then redis.call('HSET', KEYS[2], 'version', ARGV[2], 'text', ARGV[3]) end
redis.call('PEXPIRE', KEYS[2], ARGV[5])
if redis.call('HGET', KEYS[2], 'text') ~= '' then
  redis.call('SADD', KEYS[3], ARGV[4])
  redis.call('PEXPIRE', KEYS[3], ARGV[5])
end
return 1

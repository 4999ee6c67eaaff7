-- Keep the copy of a case, or, with no text, the mark that there is none, unless a newer one is there: a holder whose
-- lease is over may write late.
-- KEYS: copy, the user's copies. ARGV: version, text, case, ms to keep.
local held = tonumber(redis.call('HGET', KEYS[1], 'version') or -1)
if held > tonumber(ARGV[1]) then return end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'text', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if ARGV[2] == '' then
  redis.call('SREM', KEYS[2], ARGV[3])
else
  redis.call('SADD', KEYS[2], ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end

-- A new question begins: older ones on their way may no longer store their answer.
-- KEYS: hash, counter. ARGV: milliseconds to keep the generation.
local generation = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], 'generation', generation)
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return generation

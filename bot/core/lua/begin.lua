-- A question begins and takes its number. Questions under way at the same time do not disturb each other.
-- KEYS: hash, counter. ARGV: milliseconds to keep the numbers.
local generation = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], 'generation', generation)
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return generation

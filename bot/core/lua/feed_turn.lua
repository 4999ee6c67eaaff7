-- Whether this instance is to look for new lines: somebody watches, and nobody else is at it.
-- KEYS: watched, turn. ARGV: instance, for how long in ms.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1

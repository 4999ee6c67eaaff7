-- Store what an event says, unless a newer event was there first; spend questions in flight; tell all instances.
-- KEYS: hash, counter. ARGV: answer, fresh until (ms), milliseconds to keep, date, update_id, channel, message.
local entry = redis.call('HMGET', KEYS[1], 'date', 'update_id')
if entry[1] then
  local date, update_id = tonumber(entry[1]), tonumber(entry[2])
  if date > tonumber(ARGV[4]) or (date == tonumber(ARGV[4]) and update_id > tonumber(ARGV[5])) then return 0 end
end
local generation = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], 'answer', ARGV[1], 'fresh_until', ARGV[2], 'generation', generation, 'settled', generation,
  'date', ARGV[4], 'update_id', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', ARGV[6], ARGV[7])
return 1

-- Store what an event says, unless a newer event was there first; spend questions in flight; tell all instances.
-- Where memory is full, what was known before goes at least, and the instances are told all the same.
-- KEYS: hash, counter. ARGV: answer, ms to stay fresh, ms to keep, date, update_id, channel, message.
local entry = redis.call('HMGET', KEYS[1], 'date', 'update_id')
if entry[1] then
  local date, update_id = tonumber(entry[1]), tonumber(entry[2])
  if date > tonumber(ARGV[4]) or (date == tonumber(ARGV[4]) and update_id > tonumber(ARGV[5])) then return 0 end
end
redis.call('PUBLISH', ARGV[6], ARGV[7])
local generation = redis.pcall('INCR', KEYS[2])
if type(generation) ~= 'number' then
  redis.call('DEL', KEYS[1])
  return 1
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'answer', ARGV[1], 'fresh_until', now + ARGV[2], 'generation', generation, 'settled', generation,
  'date', ARGV[4], 'update_id', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1

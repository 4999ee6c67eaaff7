-- Store an answer unless an event, or the answer to a later question, was there first. Returns what holds now, '' when
-- nothing does. A hash that has lost the question's number has lost events, too: nothing is stored.
-- KEYS: hash. ARGV: generation, answer, ms to stay fresh, ms to keep.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local entry = redis.call('HMGET', KEYS[1], 'generation', 'settled', 'answer', 'fresh_until')
local generation = tonumber(ARGV[1])
if entry[1] and tonumber(entry[1]) >= generation and tonumber(entry[2] or 0) < generation then
  redis.call('HSET', KEYS[1], 'settled', generation, 'answer', ARGV[2], 'fresh_until', now + ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return ARGV[2]
end
if entry[3] and tonumber(entry[4]) > now then return entry[3] end
return ''

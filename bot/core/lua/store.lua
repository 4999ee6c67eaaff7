-- Store an answer only under the generation it was asked under. Returns what holds now, '' when nothing does.
-- KEYS: hash. ARGV: generation, answer, fresh until (ms), now (ms), milliseconds to keep.
local entry = redis.call('HMGET', KEYS[1], 'generation', 'answer', 'fresh_until')
if entry[1] == ARGV[1] then
  redis.call('HSET', KEYS[1], 'answer', ARGV[2], 'fresh_until', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
  return ARGV[2]
end
if entry[2] and tonumber(entry[3]) > tonumber(ARGV[4]) then return entry[2] end
return ''

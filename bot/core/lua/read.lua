-- KEYS: one hash per channel. Returns answer ('' for none) and end of freshness (ms) for each.
-- ARGV: now in ms.
local found = {}
for i, key in ipairs(KEYS) do
  local entry = redis.call('HMGET', key, 'answer', 'fresh_until')
  local answer = entry[1]
  if not answer or tonumber(entry[2]) <= tonumber(ARGV[1]) then answer = '' end
  found[#found + 1] = answer
  found[#found + 1] = answer == '' and '0' or entry[2]
end
return found

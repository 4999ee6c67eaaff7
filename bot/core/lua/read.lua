-- KEYS: one hash per channel. Returns answer ('' for none) and ms for which it stays fresh, by this server's clock: those
-- of the instances may differ.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = {}
for i, key in ipairs(KEYS) do
  local entry = redis.call('HMGET', key, 'answer', 'fresh_until')
  local answer, left = entry[1] or '', (tonumber(entry[2]) or 0) - now
  if left <= 0 then answer, left = '', 0 end
  found[#found + 1] = answer
  found[#found + 1] = left
end
return found

-- An update that was kept is done. KEYS: the bot's stream, ids by key, bots with a stream. ARGV: key, bot, id if known.
-- Where it is not, the list has a gap at its start, and `ipairs` would end there.
for _, id in pairs({ARGV[3], redis.call('HGET', KEYS[2], ARGV[1]) or nil}) do redis.call('XDEL', KEYS[1], id) end
redis.call('HDEL', KEYS[2], ARGV[1])
if redis.call('XLEN', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[1])
  redis.call('SREM', KEYS[3], ARGV[2])
end

-- Keep an update for later, once for each key, as long as there is room. Returns whether it is kept.
-- KEYS: the bot's stream, ids by key, bots with a stream. ARGV: key, bot, update_id, body, most, ms to keep.
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 1 end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[5]) then return 0 end
local id = redis.call('XADD', KEYS[1], '*', 'key', ARGV[1], 'bot', ARGV[2], 'update', ARGV[3], 'body', ARGV[4])
redis.call('HSET', KEYS[2], ARGV[1], id)
redis.call('SADD', KEYS[3], ARGV[2])
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[6]) end
return 1

-- Telegram asked to wait: from now on no instance calls there. A second request about which Telegram says so, made
-- after the first was answered, holds the whole bot.
-- KEYS: pause of the chat, pause of the bot, strike. ARGV: ms to wait, when the call was allowed (microseconds), ms of slow start.
-- Returns whether the whole bot waits.
local time = redis.call('TIME')
local exact = time[1] * 1000000 + time[2]
local now = math.floor(exact / 1000)
local ends, keep = now + ARGV[1], ARGV[1] + ARGV[3]

local function pause(key)
  local held = redis.call('GET', key)
  if not held or tonumber(held) < ends then redis.call('SET', key, ends, 'PX', keep) end
end

local struck = redis.call('GET', KEYS[3])
local repeated = struck and tonumber(ARGV[2]) > tonumber(struck)
pause(KEYS[1])
if repeated then pause(KEYS[2]) end
if repeated or not struck then redis.call('SET', KEYS[3], exact, 'PX', ARGV[1] + 30000) end
return repeated and 1 or 0

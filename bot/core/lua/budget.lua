-- May this call start? Takes its place in every window it counts in, or in none; by this server's clock.
-- KEYS: pause of the chat, pause of the bot, hunger of joins, hunger of bulk work; then pairs of a list of recent calls
-- and the end of the line before it: two for slow starts after the pauses, one for each window.
-- ARGV: the caller's share of a slow start, its places in the first second, which hunger is the caller's (0: none);
-- then for each window: ms, places open to the caller, places, whether the call counts, whether the hungry go first.
-- Returns ms to wait (0: go), now in microseconds, and what to wait for.
local HUNGRY_MS, LONGEST_LINE_MS = 5000, 300000
local time = redis.call('TIME')
local exact = time[1] * 1000000 + time[2]
local now = math.floor(exact / 1000)
local wait, pace, line, yielded = 0, 0, nil, false

local function room(list, open, ms)
  if open < 1 then return ms end
  local oldest = tonumber(redis.call('LINDEX', list, open - 1))
  -- A moment in the future is one from before the clock was set back.
  if not oldest or oldest > now then return 0 end
  return math.max(0, oldest + ms - now)
end

local paused = 0
local starts = {}
for i = 1, 2 do
  local ends = redis.call('GET', KEYS[i])
  if ends then
    paused = math.max(paused, ends - now)
    starts[i] = ARGV[2] * 2 ^ math.floor(math.max(0, now - ends) / 1000)
  end
end
if paused > 0 then return {paused, exact, 'pause'} end

local windows = {}
for i, places in pairs(starts) do
  local open = math.floor(places * ARGV[1] + 0.5)
  windows[#windows + 1] = {at = 3 + 2 * i, ms = 1000, open = open, most = places, counts = true, yields = true}
end
for i = 1, (#ARGV - 3) / 5 do
  local a = 5 * i - 1
  windows[#windows + 1] = {at = 7 + 2 * i, ms = tonumber(ARGV[a]), open = tonumber(ARGV[a + 1]),
    most = tonumber(ARGV[a + 2]), counts = ARGV[a + 3] == '1', yields = ARGV[a + 4] == '1'}
end

-- Who has been put off for seconds may use all places, and whoever is more urgent leaves them one.
local own, hungry, others = tonumber(ARGV[3]), false, 0
for i = 1, 2 do
  if now - (redis.call('GET', KEYS[2 + i]) or now) > HUNGRY_MS then
    if i == own then hungry = true elseif i > own then others = others + 1 end
  end
end
for _, window in ipairs(windows) do
  local open = window.open
  if window.yields then
    if hungry then open = window.most end
    open = math.min(open, math.max(1, window.most - others))
  end
  local full = room(KEYS[window.at], open, window.ms)
  if full > 0 and window.yields and own > 0 then yielded = true end
  if full > wait then wait, pace, line = full, window.ms / math.max(1, open), KEYS[window.at + 1] end
end

if wait > 0 then
  if yielded then redis.call('SET', KEYS[2 + own], now, 'NX', 'PX', 60000) end
  -- Everybody who is refused gets a time of their own, so that they do not all come back at once.
  local turn = math.max(redis.call('GET', line) or 0, now + wait)
  if turn - now > LONGEST_LINE_MS then return {LONGEST_LINE_MS, exact, 'budget'} end
  redis.call('SET', line, math.ceil(turn + pace), 'PX', math.ceil(turn + pace - now))
  return {math.ceil(turn - now), exact, 'budget'}
end

if own > 0 then redis.call('DEL', KEYS[2 + own]) end
for _, window in ipairs(windows) do
  if window.counts then
    local list = KEYS[window.at]
    redis.call('LPUSH', list, now)
    redis.call('LTRIM', list, 0, window.most - 1)
    redis.call('PEXPIRE', list, window.ms)
  end
end
return {0, exact, 'go'}

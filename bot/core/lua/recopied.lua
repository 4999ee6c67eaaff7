-- Mark that every open case has its copy, if the turn was kept all the while, and end the turn.
-- KEYS: turn, mark. ARGV: token, seconds for which the mark holds. Answers 0 when the turn is over.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], 1, 'EX', ARGV[2])
redis.call('DEL', KEYS[1])
return 1

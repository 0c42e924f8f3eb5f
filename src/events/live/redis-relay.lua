-- redis-relay: remember messages for a minute and tell whoever listens, those of one user in their order.
-- KEYS  for each user the mark that somebody listens, or did lately, and his stream
-- ARGV  1 milliseconds to remember  2 most messages to remember  3 … for each user the number of messages, and they
-- Returns  nothing. Run twice it tells twice, which a listener cannot be harmed by: each message is a state.

local now = redis.call('TIME')
local oldest = string.format('%.0f', now[1] * 1000 - tonumber(ARGV[1]))
local at = 3
for user = 1, #KEYS, 2 do
  local listened, stream = KEYS[user], KEYS[user + 1]
  local last = at + tonumber(ARGV[at])
  -- Most users have nobody who listens, ever: for them nothing is written.
  if redis.call('EXISTS', listened) == 1 then
    for n = at + 1, last do
      local id = redis.call('XADD', stream, 'MAXLEN', '~', ARGV[2], '*', 'm', ARGV[n])
      redis.call('PUBLISH', stream, id .. ' ' .. ARGV[n])
    end
    redis.call('XTRIM', stream, 'MINID', '~', oldest)
    redis.call('PEXPIRE', stream, ARGV[1])
  end
  at = last + 1
end

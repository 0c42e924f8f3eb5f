-- redis-relay: remember messages for a minute and tell whoever listens, those of one user in their order.
-- KEYS  a stream for each user
-- ARGV  1 milliseconds to remember  2 most messages to remember  3 … for each stream the number of messages, and they
-- Returns  nothing. Run twice it tells twice, which a listener cannot be harmed by: each message is a state.

local now = redis.call('TIME')
local oldest = string.format('%.0f', now[1] * 1000 - tonumber(ARGV[1]))
local at = 3
for _, stream in ipairs(KEYS) do
  local last = at + tonumber(ARGV[at])
  for n = at + 1, last do
    local id = redis.call('XADD', stream, 'MAXLEN', '~', ARGV[2], '*', 'm', ARGV[n])
    redis.call('PUBLISH', stream, id .. ' ' .. ARGV[n])
  end
  redis.call('XTRIM', stream, 'MINID', '~', oldest)
  redis.call('PEXPIRE', stream, ARGV[1])
  at = last + 1
end

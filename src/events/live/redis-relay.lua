-- redis-relay: remember messages for a minute and tell whoever listens, in their order.
-- KEYS  stream
-- ARGV  1 milliseconds to remember  2 most messages to remember  3 … the messages
-- Returns  nothing. Run twice it tells twice, which a listener cannot be harmed by: each message is a state.

local stream = KEYS[1]
local now = redis.call('TIME')
local oldest = now[1] * 1000 - tonumber(ARGV[1])
for n = 3, #ARGV do
  local id = redis.call('XADD', stream, 'MAXLEN', '~', ARGV[2], '*', 'm', ARGV[n])
  redis.call('PUBLISH', stream, id .. ' ' .. ARGV[n])
end
redis.call('XTRIM', stream, 'MINID', '~', string.format('%.0f', oldest))
redis.call('PEXPIRE', stream, ARGV[1])

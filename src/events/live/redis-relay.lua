-- redis-relay: remember a message for a minute and tell whoever listens.
-- KEYS  stream
-- ARGV  1 message  2 milliseconds to remember  3 most messages to remember
-- Returns  the id. Run twice it tells twice, which a listener cannot be harmed by: each message is a state.

local now = redis.call('TIME')
local oldest = now[1] * 1000 - tonumber(ARGV[2])
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'm', ARGV[1])
redis.call('XTRIM', KEYS[1], 'MINID', '~', string.format('%.0f', oldest))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', KEYS[1], id .. ' ' .. ARGV[1])
return id

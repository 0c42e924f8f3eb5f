-- take: become the writer of a session. Run twice it only raises the epoch once more, which fences nobody
-- but the one who asked and never heard.
-- KEYS  s, d
-- ARGV  1 writer
-- Returns  {'taken', session, previous writer or nil}   {'ended', session}   {'not_found'}

local s, d = unpack(KEYS)
local state = hash(redis.call('HGETALL', d))
if not state.user then return { 'not_found' } end
local now = clock()
if status_of(state, now) ~= 'active' then return { 'ended', session(s, d, now) } end

redis.call('HINCRBY', d, 'epoch', 1)
redis.call('HSET', d, 'writer', ARGV[1])
return { 'taken', session(s, d, now), state.writer or false }

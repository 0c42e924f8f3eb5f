-- end: a session ends without a file. Its reservation is given back, its bytes are left to the sweeper.
-- KEYS  s, d, u, x, g, users
-- ARGV  1 session id  2 user id  3 status  4 failure as JSON or ''  5 '1' where the ledger has voided it
--       6 hold the reservation until (ms), or ''
-- Returns  {'ended', session}   {'already', session}   {'sealed', session}   {'not_found'}

local s, d, u, x, g, users = unpack(KEYS)
local id, user, status = ARGV[1], ARGV[2], ARGV[3]
local state = hash(redis.call('HGETALL', d))
if not state.user then return { 'not_found' } end
local now = clock()
if state.status then return { 'already', session(s, d, now) } end
if state.sealed and ARGV[5] ~= '1' then return { 'sealed', session(s, d, now) } end

-- Past its time it has expired and is nothing else any more, and its reservation goes with the next look at
-- the account. Only the sweeper's word makes that its state, so that the sweeper is the one who tells of it.
if status ~= 'expired' and status_of(state, now) == 'expired' then
  return { 'already', session(s, d, now) }
end

local hold = tonumber(ARGV[6]) or 0
local bytes, mark = reservation(u, id)
redis.call('HSET', d, 'status', status)
redis.call('HINCRBY', d, 'epoch', 1)
if ARGV[4] ~= '' then redis.call('HSET', d, 'fail', ARGV[4]) end
if state.sealed then redis.call('PEXPIREAT', s, int(math.max(expiry(state), now + SPARE_MS))) end
if hold > now and bytes then
  redis.call('HSET', d, 'hold', int(hold))
  redis.call('HSET', u, 'r:' .. id, int(bytes) .. 'h')
  redis.call('HINCRBY', u, 'held', 1)
  redis.call('ZADD', x, int(hold), id)
  keep(u, hold - now + SPARE_MS)
else
  give_back(u, id)
  redis.call('HDEL', d, 'res')
  redis.call('ZREM', x, id)
  redis.call('ZADD', g, 'LT', int(now), id)
end
reschedule(users, user, x, g)
return { 'ended', session(s, d, now) }

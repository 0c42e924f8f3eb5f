-- forget: the bytes are gone, so nothing but the answer to a late question has to stay.
-- KEYS  d, u, x, g, users, p
-- ARGV  1 session id  2 user id
-- Returns  '1' where it is off the list, '0' where its time has not come

local d, u, x, g, users, p = unpack(KEYS)
local id, user = ARGV[1], ARGV[2]
local state = hash(redis.call('HGETALL', d))
local now = clock()
if state.user then
  local status = status_of(state, now)
  if status == 'active' or tonumber(state.hold or 0) > now then return '0' end
  local expires = tonumber(state.exp)
  if status == 'expired' then
    redis.call('HSET', d, 'status', 'expired')
    expires = now + 3600000
  end
  -- Repeated, it must not make the answer live longer.
  if redis.call('PTTL', d) == -1 then redis.call('PEXPIREAT', d, int(math.max(expires, now + 600000))) end
  redis.call('HDEL', d, 'res')
end
-- The bytes are gone, and with them what the parts were for.
redis.call('UNLINK', p)
give_back(u, id)
redis.call('ZREM', x, id)
redis.call('ZREM', g, id)
reschedule(users, user, x, g)
return '1'

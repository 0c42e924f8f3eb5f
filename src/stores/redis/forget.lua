-- forget: the bytes of these sessions are gone, so nothing but the answer to a late question has to stay.
-- KEYS  users, u, x, g of each user, then d and p of each session
-- ARGV  number of users, then for each: user id, number of his sessions, their ids
-- Returns  {session id, …}, those that are off the list: all whose time has come

local now = clock()
local forgotten = {}
local first_state = 4 * tonumber(ARGV[1])

for_each_user(function(user, keys, ids, before)
  local gone, parts = {}, {}
  for n, id in ipairs(ids) do
    local d, p = unpack(KEYS, first_state + 2 * (before + n) - 1, first_state + 2 * (before + n))
    local state = hash(redis.call('HGETALL', d))
    local status = state.user and status_of(state, now)
    if status ~= 'active' and tonumber(state.hold or 0) <= now then
      if state.user then
        local remembered = expiry(state)
        if status == 'expired' then
          if not state.status then redis.call('HSET', d, 'status', 'expired') end
          remembered = now + 3600000
        end
        -- Repeated, it must not make the answer live longer.
        if redis.call('PTTL', d) == -1 then redis.call('PEXPIREAT', d, int(math.max(remembered, now + 600000))) end
        if state.res then redis.call('HDEL', d, 'res') end
      end
      gone[#gone + 1] = id
      parts[#parts + 1] = p
      forgotten[#forgotten + 1] = id
    end
  end
  if #gone == 0 then return end
  -- The bytes are gone, and with them what the parts were for.
  redis.call('UNLINK', unpack(parts))
  give_back_all(keys.u, gone)
  redis.call('ZREM', keys.x, unpack(gone))
  redis.call('ZREM', keys.g, unpack(gone))
  reschedule(keys.users, user, keys.x, keys.g)
end)
return forgotten

-- expire: sessions whose time is over and that nobody has ended end as expired, as end.lua would do it to each.
-- Their reservations are given back, their bytes are left to the sweeper. Others are not touched.
-- KEYS  users, u, x, g of each user, then d of each session
-- ARGV  number of users, then for each: user id, number of his sessions, their ids
-- Returns  {session id, …}, those that this call ended. Run twice, those are none.

local now = clock()
local ended = {}
local first_state = 4 * tonumber(ARGV[1])

for_each_user(function(user, keys, ids, before)
  local own, due = {}, {}
  for n, id in ipairs(ids) do
    local d = KEYS[first_state + before + n]
    local state = hash(redis.call('HGETALL', d))
    if state.user and not state.status and status_of(state, now) == 'expired' then
      redis.call('HSET', d, 'status', 'expired', 'epoch', int((state.epoch or 0) + 1))
      if state.res then redis.call('HDEL', d, 'res') end
      own[#own + 1] = id
      due[#due + 1] = int(expiry(state))
      due[#due + 1] = id
      ended[#ended + 1] = id
    end
  end
  if #own == 0 then return end
  give_back_all(keys.u, own)
  redis.call('ZREM', keys.x, unpack(own))
  redis.call('ZADD', keys.g, 'LT', unpack(due))
  reschedule(keys.users, user, keys.x, keys.g)
end)
return ended

-- due: sessions of some users whose time has come: ended ones in g, expired and sealed ones in x.
-- KEYS  users, u, x, g of each user
-- ARGV  number of users, then for each: user id, 0; at last the limit
-- Returns  for each user {session id, due since, …}, up to the limit from each of x and g

local now = clock()
local limit = ARGV[#ARGV]
local found = {}

for_each_user(function(user, keys)
  local due = {}
  for _, key in ipairs({ keys.g, keys.x }) do
    local some = redis.call('ZRANGEBYSCORE', key, '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, limit)
    for _, item in ipairs(some) do due[#due + 1] = item end
  end
  -- A renewed session moved its moment, but not the user's.
  reschedule(keys.users, user, keys.x, keys.g)
  keep(keys.u, ACCOUNT_MS)
  found[#found + 1] = due
end)
return found

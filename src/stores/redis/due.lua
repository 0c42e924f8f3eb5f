-- due: sessions of one user whose time has come: ended ones in g, expired and sealed ones in x.
-- KEYS  u, x, g, users
-- ARGV  1 user id  2 limit
-- Returns  {session id, due since, …}, up to the limit from each

local u, x, g, users = unpack(KEYS)
local now = clock()

local due = {}
for _, key in ipairs({ g, x }) do
  local found = redis.call('ZRANGEBYSCORE', key, '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, ARGV[2])
  for _, item in ipairs(found) do due[#due + 1] = item end
end
-- A renewed session moved its moment, but not the user's.
reschedule(users, ARGV[1], x, g)
keep(u, ACCOUNT_MS)
return due

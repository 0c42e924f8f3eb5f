-- due: sessions of one user whose time has come, the longest due first.
-- KEYS  u, x, g, users
-- ARGV  1 user id  2 limit
-- Returns  {session id, due since, …}

local u, x, g, users = unpack(KEYS)
local now = clock()
local account = read_account(u)
if not is_lost(account, x) then reap(u, x, g, account, now) end

-- What is left in x past its time is sealed (or its account is lost).
local due = {}
for _, key in ipairs({ g, x }) do
  local found = redis.call('ZRANGEBYSCORE', key, '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, ARGV[2])
  for _, item in ipairs(found) do due[#due + 1] = item end
end
reschedule(users, ARGV[1], x, g)
keep(u, ACCOUNT_MS)
return due

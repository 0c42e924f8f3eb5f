-- due-users: users who may have something due, in some shards at once. The only script with keys of several
-- slots: where Redis is a Cluster it is run for each shard alone.
-- KEYS  users, of each shard
-- ARGV  1 limit for each shard
-- Returns  {user id, …} in the order of the shards

local now = int(clock())
local users = {}
for _, key in ipairs(KEYS) do
  for _, user in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, ARGV[1])) do
    users[#users + 1] = user
  end
end
return users

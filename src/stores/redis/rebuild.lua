-- rebuild: the user's account was lost (failover, eviction); sum its reservations up again from the sessions.
-- KEYS  u, x, then the d of each session named in ARGV
-- ARGV  session ids
-- Returns  {'rebuilt'}; {'lost', ids in x} where x holds a session that was not named

local u, x = KEYS[1], KEYS[2]
if not is_lost(read_account(u), x) then return { 'rebuilt' } end
local state_of = {}
for n = 1, #ARGV do state_of[ARGV[n]] = KEYS[n + 2] end
local owners = redis.call('ZRANGE', x, 0, -1)
for _, id in ipairs(owners) do
  if not state_of[id] then return lost(x) end
end

-- What has ended by time alone is summed up too: whoever looks at the account next gives it back.
local now = clock()
local held = 0
redis.call('HSET', u, 'reserved', '0')
for _, id in ipairs(owners) do
  local state = hash(redis.call('HGETALL', state_of[id]))
  if state.user then
    local bytes = int(reserved_for(state))
    local mark = state.sealed and not state.status and 's' or ''
    if tonumber(state.hold or 0) > now then
      mark = 'h'
      held = held + 1
    end
    redis.call('HSET', u, 'r:' .. id, bytes .. mark)
    redis.call('HINCRBY', u, 'reserved', bytes)
  else
    redis.call('ZREM', x, id)
  end
end
if held > 0 then redis.call('HSET', u, 'held', int(held)) end
keep(u, ACCOUNT_MS)
return { 'rebuilt' }

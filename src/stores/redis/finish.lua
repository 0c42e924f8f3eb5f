-- finish: the ledger has settled the upload; turn its reservation into used bytes, once.
-- KEYS  s, d, u, x, g, users, p
-- ARGV  1 session id  2 user id  3 bytes  4 start of the period that counted it  5 version of the account
--       6 completed at  7 detected format or ''  8 sha256
-- Returns  the session; nil where it is forgotten

local s, d, u, x, g, users, p = unpack(KEYS)
local id, bytes = ARGV[1], ARGV[3]
local state = hash(redis.call('HGETALL', d))
if not state.user then return false end
local now = clock()
if state.status == 'completed' then return session(s, d, now) end

-- Accounts read from the ledger before this settlement are too old from now on: see load.lua.
local account = redis.call('HMGET', u, 'seen', 'start')
if not account[1] or tonumber(account[1]) < tonumber(ARGV[5]) then redis.call('HSET', u, 'seen', ARGV[5]) end
local period, cached = tonumber(ARGV[4]), account[2] and tonumber(account[2])

if state.status then
  -- It ended otherwise here, which an ended session never takes back; but the ledger counted it.
  redis.call('HSET', u, 'stale', '1')
  keep(u, ACCOUNT_MS)
  return session(s, d, now)
end

if cached and period == cached then redis.call('HINCRBY', u, 'used', bytes) end
if cached and period > cached then redis.call('HSET', u, 'stale', '1') end
give_back(u, id)
keep(u, ACCOUNT_MS)
redis.call('ZREM', x, id)
redis.call('ZREM', g, id)
reschedule(users, ARGV[2], x, g)

redis.call('HSET', d, 'status', 'completed', 'off', bytes, 'len', bytes, 'sealed', '1',
  'done', ARGV[6], 'sha', ARGV[8])
if ARGV[7] ~= '' then redis.call('HSET', d, 'fmt', ARGV[7]) end
redis.call('HDEL', d, 'res')
local remembered = int(math.max(expiry(state), now + 600000))
redis.call('PEXPIREAT', s, remembered)
redis.call('PEXPIREAT', d, remembered)
redis.call('PEXPIREAT', p, remembered)
return session(s, d, now)

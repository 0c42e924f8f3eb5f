-- admit: reserve bytes and create a session, in one step.
-- KEYS  s, d, u, x, g, users, listened; and where an idempotency key came along: i
-- ARGV  1 session id  2 user id  3 document  4 bytes to reserve ('' = all that is free)  5 maximum of one file
--       6 maximum of live sessions  7 ttl ms  8 maximum lifetime ms
--       9 declared size or ''  10 fingerprint  11 session id whose claim on i is void, or ''
-- Returns  {'admitted', now, bytes reserved, quota, 1 where somebody listens, else 0}
--          {'admitted before', session, quota}
--          {'quota_exceeded', quota, required, retry at, now}   {'too_many_sessions', quota, retry at, now}
--          {'claimed', session id, fingerprint}  i belongs to that session: look whether it is still of use
--          {'need_account', sealed ids}          {'lost', ids in x}

local s, d, u, x, g, users, listened, i = unpack(KEYS)
local id, user = ARGV[1], ARGV[2]
local ttl, lifetime = tonumber(ARGV[7]), tonumber(ARGV[8])
local now = clock()

local account = read_account(u)
if is_lost(account, x) then return lost(x) end
account = reap(u, x, g, account, now)
if needs_account(account, now) then return { 'need_account', sealed_ids(u) } end

if redis.call('EXISTS', d) == 1 then return { 'admitted before', session(s, d, now), quota(account, x) } end
if i then
  local claim = redis.call('GET', i)
  if claim then
    local claimant, fingerprint = string.match(claim, '^(%S+) (.*)$')
    if claimant ~= ARGV[11] then return { 'claimed', claimant, fingerprint } end
  end
end

local active = active_sessions(account, x)
if active >= tonumber(ARGV[6]) then
  local first = now
  local ends = redis.call('ZRANGE', x, 0, -1, 'WITHSCORES')
  for n = 1, #ends, 2 do
    local _, mark = reservation(u, ends[n])
    if mark == '' then first = tonumber(ends[n + 1]) break end
  end
  return { 'too_many_sessions', quota(account, x), int(first), int(now) }
end

local free = bytes_free(account)
local max = tonumber(ARGV[5])
local wanted = tonumber(ARGV[4])
if not wanted then
  wanted = math.max(1, math.min(max, free))
  max = wanted
end
if wanted > free then
  local retry = retry_at(u, x, account, wanted - free, nil)
  return { 'quota_exceeded', quota(account, x), int(wanted), int(retry), int(now) }
end

local expires = int(now + math.min(ttl, lifetime))
local state = { 'user', user, 'born', int(now) }
local function field(name, value, default)
  if value == default then return end
  state[#state + 1] = name
  state[#state + 1] = value
end
field('size', ARGV[9], '')
field('res', int(wanted), ARGV[9])
-- The document has the maximum that holds for all.
field('max', int(max), ARGV[5])
field('ttl', int(ttl), int(TTL_MS))
field('life', int(lifetime), int(LIFETIME_MS))

local reserved = int(tonumber(account[3]) + wanted)
redis.call('SET', s, ARGV[3], 'PXAT', expires)
redis.call('HSET', d, unpack(state))
redis.call('HSET', u, 'reserved', reserved, 'r:' .. id, int(wanted))
keep(u, math.max(ACCOUNT_MS, lifetime + SPARE_MS))
redis.call('ZADD', x, expires, id)
redis.call('ZADD', users, 'LT', expires, user)
if i then redis.call('SET', i, id .. ' ' .. ARGV[10], 'PX', int(lifetime)) end

local told = redis.call('EXISTS', listened)
return { 'admitted', int(now), int(wanted), quota_of(account, reserved, active + 1), told }

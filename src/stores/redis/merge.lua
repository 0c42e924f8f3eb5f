-- merge: the bytes of partial uploads, joined, become those of their final upload, and their reservations its own.
-- KEYS  s, d, u, x, g, users, p of the final upload, then the d of each partial upload
-- ARGV  1 session id  2 user id  3 epoch  4 offset  5 storage  6 detected format or ''
--       7 number n of partial uploads  8 … 7+n their ids, then for each part its index and its value in p
-- Returns  {'merged', session}   {'fenced'}   {'ended', session}   {'not_found'}   {'unfit', session id}
--          {'lost', ids in x}

local s, d, u, x, g, users, p = unpack(KEYS)
local id, user, offset, count = ARGV[1], ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[7])

local state = hash(redis.call('HGETALL', d))
if not state.user then return { 'not_found' } end
local now = clock()
if status_of(state, now) ~= 'active' then return { 'ended', session(s, d, now) } end
if (state.epoch or '0') ~= ARGV[3] then return { 'fenced' } end
if state.sealed then
  -- The same merge once more: its reply was lost.
  if offset ~= tonumber(state.off or 0) then return { 'fenced' } end
  return { 'merged', session(s, d, now) }
end
if is_lost(read_account(u), x) then return lost(x) end

local bytes = 0
for n = 1, count do
  local partial = hash(redis.call('HGETALL', KEYS[7 + n]))
  local stored = tonumber(partial.off or 0)
  local is_full = stored == tonumber(partial.len or partial.size or -1)
  local fits = is_full and partial.user == user and not partial.sealed and status_of(partial, now) == 'active'
  if not fits then return { 'unfit', ARGV[7 + n] } end
  bytes = bytes + stored
end
if bytes ~= offset then return { 'unfit', id } end

-- What they had reserved is never less than what they have stored, so the sum does not rise.
for n = 1, count do
  local partial = ARGV[7 + n]
  give_back(u, partial)
  redis.call('HSET', KEYS[7 + n], 'status', 'cancelled', 'into', id)
  redis.call('HINCRBY', KEYS[7 + n], 'epoch', 1)
  redis.call('HDEL', KEYS[7 + n], 'res')
  redis.call('ZREM', x, partial)
  redis.call('ZADD', g, 'LT', int(now), partial)
end
redis.call('HINCRBY', u, 'reserved', int(offset - (reservation(u, id) or 0)))
redis.call('HSET', u, 'r:' .. id, int(offset) .. 's')

redis.call('PERSIST', s)
redis.call('HSET', d, 'off', int(offset), 'res', int(offset), 'store', ARGV[5], 'sealed', '1')
if not state.size then redis.call('HSET', d, 'len', int(offset)) end
if ARGV[6] ~= '' then redis.call('HSET', d, 'fmt', ARGV[6]) end
for n = 8 + count, #ARGV, 2 do redis.call('HSET', p, ARGV[n], ARGV[n + 1]) end
reschedule(users, user, x, g)
return { 'merged', session(s, d, now) }

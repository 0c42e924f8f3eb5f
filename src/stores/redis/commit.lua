-- commit: acknowledge progress of the newest writer.
-- KEYS  s, d, u, x, g, p
-- ARGV  1 session id  2 epoch  3 offset  4 length or ''  5 storage or ''  6 detected format or ''
--       7 bytes to reserve or ''  8 '1' to seal  9 '1' to restart  10 digest that is declared with the seal, or ''
--       then for each new part its index and its value in p
-- Returns  {'committed', session}   {'fenced'}   {'ended', session}   {'not_found'}
--          {'quota_exceeded', quota, retry at, now}   {'lost', ids in x}

local s, d, u, x, g, p = unpack(KEYS)
local id, offset, length = ARGV[1], tonumber(ARGV[3]), ARGV[4]
local seal, restart = ARGV[8] == '1', ARGV[9] == '1'

local state = hash(redis.call('HGETALL', d))
if not state.user then return { 'not_found' } end
local now = clock()
if status_of(state, now) ~= 'active' then return { 'ended', session(s, d, now) } end
if (state.epoch or '0') ~= ARGV[2] then return { 'fenced' } end

local stored = tonumber(state.off or 0)
if state.sealed then
  -- The bytes never change again. The same commit once more (its reply was lost) is no change.
  if restart or offset ~= stored then return { 'fenced' } end
  return { 'committed', session(s, d, now) }
end
-- A commit that was overtaken by a later one of the same writer takes nothing back.
if not restart then offset = math.max(offset, stored) end

local reserved = reserved_for(state)
local wanted = math.max(tonumber(ARGV[7]) or reserved, offset)
if wanted ~= reserved or seal then
  local account = read_account(u)
  if is_lost(account, x) then return lost(x) end
  if wanted > reserved then
    account = reap(u, x, g, account, now)
    -- Without the account, or where a newer period began, nothing can be promised: reading the quota loads it.
    local known = account[1] and not account[7]
    local missing = known and wanted - reserved - bytes_free(account) or 1
    if missing > 0 then
      local retry = known and retry_at(u, x, account, missing, id) or now
      return { 'quota_exceeded', quota(account, x), int(retry), int(now) }
    end
  end
  local own = reservation(u, id) or 0
  redis.call('HINCRBY', u, 'reserved', int(wanted - own))
  redis.call('HSET', u, 'r:' .. id, int(wanted) .. (seal and 's' or ''))
end

local changes = { 'off', int(offset) }
local function change(field, value)
  changes[#changes + 1] = field
  changes[#changes + 1] = value
end
if wanted ~= reserved then change('res', int(wanted)) end
if restart then redis.call('HDEL', d, 'len', 'fmt') end
if length ~= '' and not state.size and (restart or not state.len) then change('len', length) end
if ARGV[5] ~= '' then change('store', ARGV[5]) end
if ARGV[6] ~= '' then change('fmt', ARGV[6]) end
if seal then change('sealed', '1') end
if seal and ARGV[10] ~= '' then change('want', ARGV[10]) end
if offset > stored or (restart and offset > 0) then
  local renewed = math.min(now + tonumber(state.ttl or TTL_MS), tonumber(state.born) + tonumber(state.life or LIFETIME_MS))
  local expires = int(math.max(renewed, expiry(state)))
  change('exp', expires)
  redis.call('PEXPIREAT', s, expires)
  redis.call('ZADD', x, 'XX', expires, id)
end
-- It does not expire any more, and whoever completes it has to know what was declared.
if seal then redis.call('PERSIST', s) end
redis.call('HSET', d, unpack(changes))
if restart then redis.call('DEL', p) end
for n = 11, #ARGV, 2 do redis.call('HSET', p, ARGV[n], ARGV[n + 1]) end
return { 'committed', session(s, d, now) }

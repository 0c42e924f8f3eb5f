-- What every script begins with. A script that needs none of it pays nothing but the definitions.
--
-- Keys, all on the slot of the shard tag (keys.ts builds the names):
--   s      string  the document: what is fixed about a session. Lives exactly as long as the session: a sealed one has no
--                  end until somebody decides on it.
--   d      hash    the state of a session; fields whose value is the default are left out (replies.ts lists them)
--   p      hash    parts an object store acknowledged: index = number, bytes and ETag; lives as long as d
--   u      hash    the user's account (limit, used, start, end, seen, loaded, stale), `reserved` = the sum of the
--                  reservations, `held` = how many of them are held, and one reservation per session:
--                  r:<session id> = bytes and a mark: '' active, 's' sealed, 'h' held after the session ended.
--                  That field alone owns the reservation: who deletes it gives the bytes back.
--   x      zset    the user's sessions that still own a reservation, by the moment it ends
--   g      zset    the user's sessions that own none any more but whose bytes have to go, by when that was due
--   listened string  there while somebody listens to the user's live events, and for a day after (redis-relay.ts)
--   users  zset    users of the shard, by a moment no later than the first one in their x and g
--
-- Sessions and users go by their names (names.ts) wherever a script is told of one, or tells of one.
-- Sizes reach 2^53-1, so they are added up by HINCRBY (64-bit integers) and never printed by tostring,
-- which falls back to exponents. Comparisons subtract, so that no sum leaves the exact range of a double.

local SPARE_MS = 3600000
local ACCOUNT_MS = 86400000
-- The service's own defaults: a session that has them does not spend memory on saying so.
local TTL_MS = 3600000
local LIFETIME_MS = 86400000

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function int(number)
  -- Plus zero, or minus nothing would be printed as -0, which is no integer to Redis.
  return string.format('%.0f', number + 0)
end

local function hash(flat)
  local map = {}
  for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end
  return map
end

-- When a session ends: until that is renewed, it follows from when it began.
local function expiry(state)
  return tonumber(state.exp or state.born + math.min(state.ttl or TTL_MS, state.life or LIFETIME_MS))
end

-- The status a reader must see: statusAt of core/session.ts.
local function status_of(state, now)
  if state.status then return state.status end
  if not state.sealed and now >= expiry(state) then return 'expired' end
  return 'active'
end

-- Reply that stands for one session, or false where it is unknown or forgotten. One JSON text of now, status,
-- expiry and state, and the document beside it: clients take several times as long to read a list of two dozen texts.
local function session(s, d, now)
  local flat = redis.call('HGETALL', d)
  if #flat == 0 then return false end
  local state = hash(flat)
  local known = { int(now), status_of(state, now), int(expiry(state)), unpack(flat) }
  return { cjson.encode(known), redis.call('GET', s) }
end

-- What a declared size reserves is left out of the state.
local function reserved_for(state)
  return tonumber(state.res or state.size)
end

-- limit, used, reserved, held, end, loaded, stale: text, or false where there is none
local function read_account(u)
  return redis.call('HMGET', u, 'limit', 'used', 'reserved', 'held', 'end', 'loaded', 'stale')
end

-- Reservations are summed up in u; where that is gone although sessions own some, it has to be rebuilt.
local function is_lost(account, x)
  return not account[3] and redis.call('EXISTS', x) == 1
end

local function lost(x)
  return { 'lost', redis.call('ZRANGE', x, 0, -1) }
end

local function reservation(u, id)
  local field = redis.call('HGET', u, 'r:' .. id)
  if not field then return nil, '' end
  local bytes, mark = string.match(field, '^(%d+)(%a?)$')
  return tonumber(bytes), mark
end

-- Only the one who deletes a field takes its bytes off the sum, so it happens once.
local function give_back_all(u, ids)
  local names, found, bytes, held = {}, {}, 0, 0
  for n = 1, #ids do names[n] = 'r:' .. ids[n] end
  for n, field in ipairs(redis.call('HMGET', u, unpack(names))) do
    local own, mark = string.match(field or '', '^(%d+)(%a?)$')
    if own then
      found[#found + 1] = names[n]
      bytes = bytes + tonumber(own)
      if mark == 'h' then held = held + 1 end
    end
  end
  if #found == 0 then return end
  redis.call('HDEL', u, unpack(found))
  redis.call('HINCRBY', u, 'reserved', int(-bytes))
  if held > 0 then redis.call('HINCRBY', u, 'held', int(-held)) end
end

local function give_back(u, id)
  give_back_all(u, { id })
end

-- Take from x what ended by time alone, give its reservation back, leave its bytes to the sweeper.
-- Returns the account as it is then.
local function reap(u, x, g, account, now)
  local ended = redis.call('ZRANGEBYSCORE', x, '-inf', int(now), 'WITHSCORES')
  for i = 1, #ended, 2 do
    local id = ended[i]
    local _, mark = reservation(u, id)
    if mark ~= 's' then
      give_back(u, id)
      redis.call('ZREM', x, id)
      redis.call('ZADD', g, ended[i + 1], id)
    end
  end
  return #ended > 0 and read_account(u) or account
end

local function sealed_ids(u)
  local ids = {}
  local flat = redis.call('HGETALL', u)
  for i = 1, #flat, 2 do
    if string.sub(flat[i], 1, 2) == 'r:' and string.sub(flat[i + 1], -1) == 's' then
      ids[#ids + 1] = string.sub(flat[i], 3)
    end
  end
  return ids
end

local function active_sessions(account, x)
  return redis.call('ZCARD', x) - (account[4] or 0)
end

-- limit, used, reserved, active sessions, end of the period, as one JSON text; false where there is none
local function quota_of(account, reserved, active)
  return cjson.encode({ account[1], account[2], reserved, int(active), account[5] })
end

local function quota(account, x)
  return quota_of(account, account[3], active_sessions(account, x))
end

-- A period that is over by this clock may not be over yet by the ledger's. What the ledger has just said
-- is good for five seconds, or the two would disagree in circles.
local function needs_account(account, now)
  if not account[1] or account[7] then return true end
  return now >= tonumber(account[5]) and now >= tonumber(account[6]) + 5000
end

local function bytes_free(account)
  return tonumber(account[1]) - tonumber(account[2]) - tonumber(account[3])
end

-- The earliest moment at which `missing` more bytes could be free: own reservations end one after the other,
-- or the period does. `except` does not count: it is the session that asks.
local function retry_at(u, x, account, missing, except)
  local period_end = tonumber(account[5])
  local ends = redis.call('ZRANGE', x, 0, -1, 'WITHSCORES')
  for i = 1, #ends, 2 do
    local bytes, mark = reservation(u, ends[i])
    if bytes and mark ~= 's' and ends[i] ~= except then missing = missing - bytes end
    if missing <= 0 then return math.min(tonumber(ends[i + 1]), period_end) end
  end
  return period_end
end

-- Let the key live for at least so long; not renewed every time, since a minute more or less does not matter.
local function keep(key, ms)
  local left = redis.call('PTTL', key)
  if left ~= -2 and left < ms - 60000 then redis.call('PEXPIRE', key, int(ms)) end
end

-- Score of the first member. While a Cluster moves the slot elsewhere, a key that was emptied a moment ago counts
-- as moved, and even a look at it is refused; that must not break the script off after its writes.
local function first_moment(key)
  return redis.pcall('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
end

-- Tell the sweeper when the user's next session is due.
local function reschedule(users, user, x, g)
  local first, due = first_moment(x), first_moment(g)
  if first and due and tonumber(due) < tonumber(first) then first = due end
  first = first or due
  if first then
    redis.call('ZADD', users, first, user)
  else
    redis.call('ZREM', users, user)
  end
end

-- Scripts of the sweeper are about several users and their sessions at once: KEYS are users, u, x and g of each
-- user, then those of each session; ARGV the number of users, then for each his id, how many of his sessions, and
-- their ids. Calls `each` with a user, his keys, his session ids, and how many sessions came before.
local function for_each_user(each)
  local at, before = 2, 0
  for n = 1, tonumber(ARGV[1]) do
    local count = tonumber(ARGV[at + 1])
    local ids = {}
    for i = 1, count do ids[i] = ARGV[at + 1 + i] end
    local users, u, x, g = unpack(KEYS, 4 * n - 3, 4 * n)
    each(ARGV[at], { users = users, u = u, x = x, g = g }, ids, before)
    at = at + 2 + count
    before = before + count
  end
end

-- load: put the ledger's account here, next to the reservations.
--
-- Its `used` may count sessions that are sealed here and whose finish is still to come and will add them:
-- those are left out. That is exact only if the ledger was asked about every session sealed here (a session
-- sealed later may be counted or not, nobody knows), and if no finish happened after the ledger was read:
-- each finish leaves the version of the account it made in `seen`, which an earlier reading falls behind.
--
-- KEYS  u, x
-- ARGV  1 limit  2 used  3 period start  4 period end  5 version  6 number n of sessions asked about
--       7 … 6+n their ids, then pairs of id and bytes of those that are settled
-- Returns  {'loaded'}   {'need_account', sealed ids}   {'lost', ids in x}

local u, x = unpack(KEYS)
local asked_count = tonumber(ARGV[6])
if is_lost(read_account(u), x) then return lost(x) end

local seen = redis.call('HGET', u, 'seen')
local sealed = sealed_ids(u)
if seen and tonumber(seen) > tonumber(ARGV[5]) then return { 'need_account', sealed } end

local asked = {}
for n = 7, 6 + asked_count do asked[ARGV[n]] = true end
local is_sealed = {}
for _, id in ipairs(sealed) do
  if not asked[id] then return { 'need_account', sealed } end
  is_sealed[id] = true
end

local used = tonumber(ARGV[2])
for n = 7 + asked_count, #ARGV, 2 do
  if is_sealed[ARGV[n]] then used = used - tonumber(ARGV[n + 1]) end
end

redis.call('HSET', u, 'limit', ARGV[1], 'used', int(used), 'start', ARGV[3], 'end', ARGV[4], 'seen', ARGV[5],
  'loaded', int(clock()))
redis.call('HSETNX', u, 'reserved', '0')
redis.call('HDEL', u, 'stale')
keep(u, ACCOUNT_MS)
return { 'loaded' }

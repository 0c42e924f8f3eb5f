-- recount: does `reserved` agree with the reservations it is the sum of, and these with the sessions in x?
-- KEYS  u, x
-- Returns  nil where all agree; else what `reserved` was, and the account counts as lost: see rebuild.lua

local u, x = KEYS[1], KEYS[2]
local account = redis.call('HGETALL', u)
local sum, held, count, fields, is_named = 0, 0, 0, {}, true
for n = 1, #account, 2 do
  local id = string.match(account[n], '^r:(.+)$')
  if id then
    local bytes, mark = reservation(u, id)
    sum = sum + bytes
    held = held + (mark == 'h' and 1 or 0)
    count = count + 1
    fields[count] = account[n]
    is_named = is_named and redis.call('ZSCORE', x, id) ~= false
  end
end

local known = hash(account)
if not known.reserved then return false end
local agrees = sum == tonumber(known.reserved) and held == tonumber(known.held or 0)
if agrees and is_named and count == redis.call('ZCARD', x) then return false end

for _, field in ipairs(fields) do redis.call('HDEL', u, field) end
redis.call('HDEL', u, 'reserved', 'held')
-- Without sessions there is nothing to sum up.
if redis.call('EXISTS', x) == 0 then redis.call('HSET', u, 'reserved', '0') end
return known.reserved

-- shift-times: move everything that is stored under a prefix into the past, which is what a jump of the
-- clock looks like from inside. For tests: it looks keys up by pattern.
-- ARGV  1 prefix  2 milliseconds

local ms = tonumber(ARGV[2])
local function int(number) return string.format('%.0f', number) end
local TIMES = { d = { 'born', 'exp', 'done', 'hold' }, u = { 'start', 'end', 'loaded' } }

for _, key in ipairs(redis.call('KEYS', ARGV[1] .. ':{*')) do
  local kind = string.match(key, '}:(%a+)')
  for _, field in ipairs(TIMES[kind] or {}) do
    if redis.call('HEXISTS', key, field) == 1 then redis.call('HINCRBY', key, field, int(-ms)) end
  end
  if kind == 'x' or kind == 'g' or kind == 'users' then
    for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      redis.call('ZINCRBY', key, int(-ms), member)
    end
  end
  local left = redis.call('PTTL', key)
  if left >= 0 then redis.call('PEXPIRE', key, int(left - ms)) end
end
return 'OK'

-- take-permit: one permit by GCRA, where there is one left.
-- KEYS  the moment, in microseconds, at which all permits are back; gone once that is past
-- ARGV  1 permits of a window  2 the window in ms
-- Returns  {'1' given else '0', permits left, ms until all are back, ms until there is one}

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local permits, window = tonumber(ARGV[1]), ARGV[2] * 1000
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
-- No permit is away for longer than a window: that was a clock which has been set back since.
if full > now + window + 1 then full = now end
local after = full + window / permits
local missing = after - now - window

-- Half a microsecond is lost to rounding.
if missing > 1 then
  return { '0', '0', int(math.ceil((full - now) / 1000)), int(math.ceil(missing / 1000)) }
end
redis.call('SET', KEYS[1], int(after), 'PX', int(math.max(1, math.ceil((after - now) / 1000))))
return { '1', int(math.max(0, math.floor((-missing + 1) * permits / window))),
  int(math.ceil((after - now) / 1000)), '0' }

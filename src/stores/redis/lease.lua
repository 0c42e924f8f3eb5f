-- lease: take it, have it for longer, or give it back.
-- KEYS  lease
-- ARGV  1 who asks  2 how long in ms; 0 gives it back
-- Returns  '1' where the one who asks has it now, else '0'

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return '0' end
if tonumber(ARGV[2]) == 0 then
  redis.call('DEL', KEYS[1])
  return '0'
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return '1'

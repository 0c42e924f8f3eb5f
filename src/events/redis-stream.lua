-- Add an event to the stream: once, though it is delivered again while another receiver refuses it, and once
-- more where it is replayed. A retry has a higher number of attempts than the one that added it; a replay
-- begins anew with 1.
--
-- KEYS[1] stream, KEYS[2] mark of this event (on the stream's slot): the attempt that added it
-- ARGV[1] id, ARGV[2] attempts, ARGV[3] kind, ARGV[4] event as JSON, ARGV[5] most entries to keep, about,
-- ARGV[6] life of the mark in ms, ARGV[7] life of a stream that nobody adds to, in ms
-- Returns 1 where it was added, 0 where it was there before.
local added = redis.call('GET', KEYS[2])
if added and tonumber(ARGV[2]) > tonumber(added) then
  return 0
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], '*', 'id', ARGV[1], 'type', ARGV[3], 'event', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[6])
return 1

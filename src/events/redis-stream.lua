-- Add events to the stream: each once, though it is delivered again while another receiver refuses it, and once
-- more where it is replayed. A retry has a higher number of attempts than the one that added it; a replay
-- begins anew with 1, so a first attempt is always added.
--
-- KEYS[1] stream, then a mark for each event (on the stream's slot): the attempt that added it
-- ARGV[1] most entries to keep, about, ARGV[2] life of a mark in ms, ARGV[3] life of a stream that nobody adds to,
-- in ms, then for each event its id, attempts, kind, and itself as JSON
-- Returns how many were added; the others were there before.
local count = 0
for n = 2, #KEYS do
  local id, attempts, kind, event = unpack(ARGV, 4 * n - 4, 4 * n - 1)
  local added = attempts ~= '1' and redis.call('GET', KEYS[n])
  if not added or tonumber(attempts) <= tonumber(added) then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'id', id, 'type', kind, 'event', event)
    redis.call('SET', KEYS[n], attempts, 'PX', ARGV[2])
    count = count + 1
  end
end
if count > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return count

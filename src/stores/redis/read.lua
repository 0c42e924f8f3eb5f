-- read: the user's account with its reservations.
-- KEYS  u, x, g
-- Returns  {'known', quota, sealed ids}   {'need_account', sealed ids}   {'lost', ids in x}

local u, x, g = unpack(KEYS)
local now = clock()
if is_lost(u, x) then return lost(x) end
reap(u, x, g, now)
if needs_account(u, now) then return { 'need_account', sealed_ids(u) } end
return { 'known', quota(u, x), sealed_ids(u) }

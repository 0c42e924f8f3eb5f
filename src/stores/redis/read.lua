-- read: the user's account with its reservations.
-- KEYS  u, x, g
-- Returns  {'known', quota, sealed ids}   {'need_account', sealed ids}   {'lost', ids in x}

local u, x, g = unpack(KEYS)
local now = clock()
local account = read_account(u)
if is_lost(account, x) then return lost(x) end
account = reap(u, x, g, account, now)
if needs_account(account, now) then return { 'need_account', sealed_ids(u) } end
return { 'known', quota(account, x), sealed_ids(u) }

-- holdings: what the user's live sessions hold, whether his account is known or not.
-- KEYS  u, x, g
-- Returns  {'held', reserved bytes, active sessions}   {'lost', ids in x}

local u, x, g = unpack(KEYS)
local account = read_account(u)
if is_lost(account, x) then return lost(x) end
account = reap(u, x, g, account, clock())
return { 'held', account[3] or '0', int(active_sessions(account, x)) }

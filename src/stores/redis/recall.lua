-- recall: many sessions as a reader must see them now.
-- KEYS  s, d of each
-- Returns  for each the session, or nil where it is unknown or forgotten

local now = clock()
local found = {}
for n = 1, #KEYS, 2 do
  local s, d = KEYS[n], KEYS[n + 1]
  found[#found + 1] = session(s, d, now)
end
return found

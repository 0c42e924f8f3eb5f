-- find: one session as a reader must see it now.
-- KEYS  s, d
-- Returns  the session, or nil where it is unknown or forgotten

if redis.call('EXISTS', KEYS[2]) == 0 then return false end
return session(KEYS[1], KEYS[2], clock())

-- find: one session as a reader must see it now.
-- KEYS  s, d
-- Returns  the session, or nil where it is unknown or forgotten

return session(KEYS[1], KEYS[2], clock())

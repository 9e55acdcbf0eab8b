-- Begins check.lua: nearly every creation finds a closed breaker with no failure at all, and a worker that has seen all that ever happened to it. It hears
-- so in one text, and nothing of what follows is built; whatever else is found, all of it decides.
local calm = redis.call('HGET', KEYS[1], 'calm')
if calm == ARGV[2] or (ARGV[2] == '' and not calm and redis.call('EXISTS', KEYS[1]) == 0) then
  return { 'go' }
end

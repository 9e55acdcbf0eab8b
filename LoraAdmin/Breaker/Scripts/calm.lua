-- Begins check.lua: nearly every creation finds a closed breaker with no failure at all, and a worker that has seen all that ever happened to it. It hears
-- so in two texts, and nothing of what follows is built; whatever else is found, all of it decides.
local found = redis.call('HMGET', KEYS[1], 'mode', 'generation', 'entries', 'born', 'isolated_at')
local seen = found[4] and found[4] .. ' ' .. (found[3] or '0') or ''
if seen == ARGV[2] and found[1] ~= 'open' and (found[5] or '0') == '0' and redis.call('EXISTS', KEYS[2]) == 0 then
  return { 'go', found[2] or '0' }
end

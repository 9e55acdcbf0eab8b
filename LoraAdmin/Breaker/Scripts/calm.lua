-- Stands between clock.lua and prelude.lua for check.lua: nearly every creation finds a closed breaker with no failure at all, and a worker that has
-- seen all of it. Nothing of what follows has anything to do then, so none of it is built; whatever else is found, all of it decides.
local found = redis.call('HMGET', KEYS[1], 'mode', 'generation', 'closed_at', 'trips', 'entries', 'born', 'isolated_at')
if found[1] ~= 'open' and (found[7] or '0') == '0' and redis.call('EXISTS', KEYS[2]) == 0 then
  local entries, born = found[5] or '0', found[6] or ''
  if ARGV[6] == '' or (ARGV[6] == born and ARGV[7] == entries) then
    return beginning('go', found[1] or 'closed', found[2] or '0', '0', '0', found[3] or '0', found[4] or '0', entries, born)
  end
end

-- The server has lost its data: a worker brings what it knows of it. Of two decisions the later one holds, and without any the stricter one; nothing
-- happens by that, so no entry and no generation is added, and the life that was lost goes on. A server that is not behind is left as it is.
-- ARGV: 3 worker, 4 born, 5 entries, 6 generation, 7 trips, 8 mode, 9 opened at, 10 open until, 11 closed at, 12 isolated at, 13 until, 14 by,
-- 15 reason, 16 mark of the key, 17 the probe's token, 18 worker, 19 until; the failures as a list; then how many entries of the history follow, newest
-- first, each as number, instant, kind, generation, by, reason and its failures as a list
local worker = take()
local known = { born = take(), entries = take_number(), generation = take_number(), trips = take_number(), mode = take(), opened_at = take_instant(),
  open_until = take_instant(), closed_at = take_instant(), isolated_at = take_instant(), isolated_until = take_instant(), isolated_by = take(),
  isolated_reason = take(), isolated_key = take() }
local known_probe = { token = take(), worker = take(), ends = take_instant() }
if not is_behind(known.born, known.entries) then
  return answer('restored')
end
local failures = take_failures()

-- One history of both: what the older one has at a place stays there, and what else happened follows it.
local joined, entries = {}, known.entries
for i = 1, take_number() do
  local number, at, kind, generation, by, reason = take_number(), take_instant(), take(), take_number(), take(), take()
  joined[number] = { kind = kind, generation = generation, by = by, reason = reason,
    json = entry_of(number, at, kind, generation, by, reason, told_of(take_failures())) }
end
local since = redis.call('LRANGE', KEYS[4], 0, -1)
for i = #since, 1, -1 do
  local entry = cjson.decode(since[i])
  local there = joined[entry.number]
  local same = there and there.kind == entry.kind and there.generation == entry.generation and there.by == entry.by and there.reason == entry.reason
  if c.born == known.born and not there and entry.number <= known.entries then
    joined[entry.number] = { json = since[i] }
  elseif c.born ~= known.born or not same then
    entries = entries + 1
    joined[entries] = { json = string.gsub(since[i], '^{"number":%d+', '{"number":' .. text(entries), 1) }
  end
end
redis.call('DEL', KEYS[4])
local kept = 0
for number = entries, 1, -1 do
  if joined[number] and kept < KEPT then
    redis.call('RPUSH', KEYS[4], joined[number].json)
    kept = kept + 1
  end
end

local is_open
if known.mode == 'open' and not (c.mode == 'open' and c.open_until > known.open_until) then
  is_open = c.mode == 'open' or c.closed_at <= known.opened_at
  c.opened_at, c.open_until = known.opened_at, known.open_until
else
  is_open = c.mode == 'open' and (known.mode == 'open' or known.closed_at <= c.opened_at)
end
if is_isolated() and known.closed_at > c.isolated_at then
  end_isolation()
end
if not is_isolated() and known.isolated_at > 0 and c.closed_at <= known.isolated_at then
  c.isolated_at, c.isolated_until, c.isolated_by = known.isolated_at, known.isolated_until, known.isolated_by
  c.isolated_reason, c.isolated_key = known.isolated_reason, known.isolated_key
end
c.born = known.born
c.entries = entries
c.generation = math.max(c.generation, known.generation)
c.trips = math.max(c.trips, known.trips)
c.closed_at = math.max(c.closed_at, known.closed_at)
if is_open then
  c.mode = 'open'
  drop_failures()
  if probe.token == '' and known_probe.token ~= '' then
    probe = known_probe
    redis.call('HSET', KEYS[3], 'token', probe.token, 'worker', probe.worker, 'until', text(probe.ends))
  end
else
  c.mode, c.opened_at, c.open_until = 'closed', 0, 0
  drop_probe()
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. text(c.closed_at))
  fails = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. text(now - WINDOW), '+inf', 'WITHSCORES')
  if add_failures(failures) and #fails / 2 >= FAILURES_TO_OPEN then
    trip('opened', told_of_window(), worker, WHILE_AWAY)
  end
end
save()
return answer('restored')

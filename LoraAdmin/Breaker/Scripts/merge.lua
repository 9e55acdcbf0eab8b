-- The server was away: a worker brings what it found by itself meanwhile. The stricter of both holds, unless the server closed it later.
-- ARGV: 3 worker, 4 generation, 5 trips, 6 until when it is open by itself ('': it is not), 7 when it was isolated ('': it was not),
-- 8 until when ('': until reset), 9 by, 10 reason, 11 mark of the key; then two lists: the failures that opened it, and all that it counted itself
local worker, generation, trips = take(), take_number(), take_number()
local open_until = take_instant()
local isolated, isolated_until, by, reason, key = take_instant(), take_instant(), take(), take(), take()
local causes, found = take_failures(), take_failures()
local closed_at = c.closed_at
if c.mode == 'open' then
  -- Whoever tries a creation now goes on: its result decides, and nobody else tries meanwhile.
  if open_until > now and open_until > c.open_until + SAME_TRIP then
    c.open_until = open_until
    note('prolonged', told_of(causes), worker, WHILE_AWAY)
  end
else
  -- Its opening stands if it also would without what it did not hear: that the breaker was closed here meanwhile.
  local since = {}
  for _, failure in ipairs(causes) do
    if failure.at >= closed_at then
      since[#since + 1] = failure
    end
  end
  if #since >= FAILURES_TO_OPEN then
    c.generation = math.max(c.generation, generation)
    c.trips = math.max(c.trips, trips)
    open_for(math.max(open_until - now, 0), 'opened', told_of(since), worker, WHILE_AWAY)
  elseif add_failures(found) then
    if #fails / 2 >= FAILURES_TO_OPEN then
      c.generation = math.max(c.generation, generation)
      c.trips = math.max(c.trips, trips)
      trip('opened', told_of_window(), worker, WHILE_AWAY)
    else
      save()
    end
  end
end
if isolated > 0 and not is_isolated() and closed_at <= isolated and (isolated_until == 0 or isolated_until > now + SAME_TRIP) then
  c.generation = math.max(c.generation, generation)
  isolate(isolated_until > 0 and isolated_until - now or 0, by, reason, key)
end
return answer('merged')

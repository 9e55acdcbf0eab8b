-- Begins every script of the breaker (docs/breaker.md). One call is one atomic round trip, and time is the server's own.
-- KEYS: 1 state, 2 failures, 3 probe, 4 history
-- ARGV: 1 failures that open it, 2 window, 3 open time, 4 longest open time (0: it does not grow), 5 probe lease, all in ms;
-- 6 born and 7 entries as the worker last saw them in an answer ('' and 0: never); the verb's own follow
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function text(number)
  return string.format('%.0f', number)
end

-- Every answer begins so.
local function beginning(word, mode, generation, opened_at, open_until, closed_at, trips, entries, born)
  return { word, text(now), mode, generation, opened_at, open_until, closed_at, trips, entries, born }
end

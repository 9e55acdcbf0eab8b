-- Begins every script of the breaker (docs/breaker.md); in check.lua after calm.lua. One call is one atomic round trip, and time is the server's own.
-- KEYS: 1 state, 2 failures, 3 probe, 4 history
-- ARGV: 1 the rules: failures that open it, window, open time, longest open time (0: it does not grow), probe lease, the times in ms;
-- 2 born, entries and generation as the worker last saw them in an answer ('': never); the verb's own follow
local FAILURES_TO_OPEN, WINDOW, OPEN_FOR, LONGEST, PROBE_LEASE = string.match(ARGV[1] or '', '^([1-9]%d*) ([1-9]%d*) ([1-9]%d*) (%d+) ([1-9]%d*)$')
local SEEN_BORN, SEEN_ENTRIES = string.match(ARGV[2] or '', '^(%d+) (%d+) %d+$')
if not PROBE_LEASE or (ARGV[2] ~= '' and not SEEN_ENTRIES) then
  return redis.error_reply('ERR argument 1 must be five whole numbers, and argument 2 three or an empty text; one space between two numbers')
end
FAILURES_TO_OPEN, WINDOW, OPEN_FOR = tonumber(FAILURES_TO_OPEN), tonumber(WINDOW), tonumber(OPEN_FOR)
LONGEST, PROBE_LEASE = tonumber(LONGEST), tonumber(PROBE_LEASE)

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function text(number)
  return string.format('%.0f', number)
end

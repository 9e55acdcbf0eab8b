-- The server was away, or has lost its data: a worker brings what it found meanwhile, and the stricter of both holds.
-- ARGV: 6 worker, 7 generation, 8 entries, 9 trips, 10 ms that it stays open (-1: it is closed), 11 isolated by ('': it is not), 12 reason,
-- 13 ms that the isolation lasts (0: until reset), 14 mark of the key, 15 how many failures follow: each its age in ms and its JSON
local worker = ARGV[6]
c.entries = math.max(c.entries, tonumber(ARGV[8]))
c.trips = math.max(c.trips, tonumber(ARGV[9]))
local generation = math.max(c.generation, tonumber(ARGV[7]))
local open = tonumber(ARGV[10])
local known = {}
for i = 1, #fails, 2 do
  known[cjson.decode(fails[i]).id] = true
end
local added = false
local brought = {}
for i = 1, tonumber(ARGV[15]) do
  local at, json = now - tonumber(ARGV[14 + 2 * i]), ARGV[15 + 2 * i]
  brought[i] = told(at, json)
  if c.mode ~= 'open' and not known[cjson.decode(json).id] and at > now - tonumber(ARGV[2]) then
    redis.call('ZADD', KEYS[2], text(at), json)
    added = true
  end
end
if added then
  fails = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. text(now - tonumber(ARGV[2])), '+inf', 'WITHSCORES')
end
local words = 'So it was while Redis was away'
if open >= 0 and c.mode ~= 'open' then
  c.generation = generation
  open_for(open, 'opened', brought, worker, words)
elseif open > 0 and now + open > c.open_until then
  -- Whoever tries a creation now goes on: its result decides, and nobody else tries meanwhile.
  c.open_until = now + open
  note('reopened', brought, worker, words)
elseif open < 0 and c.mode ~= 'open' and #fails / 2 >= tonumber(ARGV[1]) then
  c.generation = generation
  trip('opened', told_of_window(), worker, words)
else
  save()
end
if ARGV[11] ~= '' and not is_isolated() then
  c.generation = math.max(c.generation, generation)
  isolate(tonumber(ARGV[13]), ARGV[11], ARGV[12], ARGV[14])
end
return answer('merged')

-- Stands between prelude.lua and merge.lua or restore.lua: how a worker brings what it knows. An instant is told as its age in ms by the worker's own
-- clock ('': none; less than 0: it is to come), and a list of failures as their number and for each its age and its JSON.
local SAME_TRIP = 60000
local WHILE_AWAY = 'So it was while Redis was away'
local place = 3

local function take()
  place = place + 1
  return ARGV[place - 1]
end

local function take_number()
  return tonumber(take())
end

-- 0: none.
local function take_instant()
  local age = tonumber(take())
  if age then
    return now - age
  end
  return 0
end

-- Each with its moment, its JSON and its id.
local function take_failures()
  local list = {}
  for i = 1, take_number() do
    local at = take_instant()
    local json, id = failure_of(take())
    if not json then
      error('a failure must be JSON {"id","worker","words"}, all three texts')
    end
    list[i] = { at = at, json = json, id = id }
  end
  return list
end

local function told_of(list)
  local all = {}
  for i, failure in ipairs(list) do
    all[i] = told(failure.at, failure.json)
  end
  return all
end

-- Failures that somebody else counted, as far as they count here. Answers whether any did.
local function add_failures(list)
  local known, added = {}, false
  for i = 1, #fails, 2 do
    known[cjson.decode(fails[i]).id] = true
  end
  for _, failure in ipairs(list) do
    if not known[failure.id] and failure.at > now - WINDOW and failure.at >= c.closed_at then
      redis.call('ZADD', KEYS[2], text(failure.at), failure.json)
      added = true
    end
  end
  if added then
    fails = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. text(now - WINDOW), '+inf', 'WITHSCORES')
  end
  return added
end

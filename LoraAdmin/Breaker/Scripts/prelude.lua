-- Follows clock.lua in every script: the state as it is found, and what can be done to it.
local KEPT = 200
local HEALTHY = 86400000

local got = redis.call('HMGET', KEYS[1], 'mode', 'generation', 'opened_at', 'open_until', 'closed_at', 'trips', 'entries', 'born',
  'isolated_at', 'isolated_until', 'isolated_by', 'isolated_reason', 'isolated_key')
local c = {
  mode = got[1] or 'closed', generation = tonumber(got[2] or 0), opened_at = tonumber(got[3] or 0), open_until = tonumber(got[4] or 0),
  closed_at = tonumber(got[5] or 0), trips = tonumber(got[6] or 0), entries = tonumber(got[7] or 0), born = got[8] or '',
  isolated_at = tonumber(got[9] or 0), isolated_until = tonumber(got[10] or 0), isolated_by = got[11] or '', isolated_reason = got[12] or '',
  isolated_key = got[13] or '',
}

-- Failures inside the window, oldest first: the moment, then the failure's JSON.
local fails = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. text(now - WINDOW), '+inf', 'WITHSCORES')
local probe = { token = '', worker = '', ends = 0 }
if c.mode == 'open' then
  local held = redis.call('HMGET', KEYS[3], 'token', 'worker', 'until')
  probe = { token = held[1] or '', worker = held[2] or '', ends = tonumber(held[3] or 0) }
end

local function save()
  if c.born == '' then
    c.born = text(now)
  end

  -- For calm.lua: what a worker has seen that has nothing more to hear. No worker sends 'no'.
  local calm = 'no'
  if c.mode ~= 'open' and c.isolated_at == 0 and #fails == 0 then
    calm = c.born .. ' ' .. text(c.entries) .. ' ' .. text(c.generation)
  end
  redis.call('HSET', KEYS[1], 'mode', c.mode, 'generation', text(c.generation), 'opened_at', text(c.opened_at), 'open_until', text(c.open_until),
    'closed_at', text(c.closed_at), 'trips', text(c.trips), 'entries', text(c.entries), 'born', c.born, 'isolated_at', text(c.isolated_at),
    'isolated_until', text(c.isolated_until), 'isolated_by', c.isolated_by, 'isolated_reason', c.isolated_reason, 'isolated_key', c.isolated_key,
    'calm', calm)
end

-- A failure as it stands in an entry of the history: with its moment.
local function told(at, json)
  return '{"at":' .. text(tonumber(at)) .. ',"failure":' .. json .. '}'
end

local function told_of_window()
  local list = {}
  for i = 1, #fails, 2 do
    list[#list + 1] = told(fails[i + 1], fails[i])
  end
  return list
end

-- A failure as it is kept, or nil: three texts, whatever else the worker wrote beside them.
local function failure_of(json)
  local read = cjson.decode(json)
  if type(read) ~= 'table' or type(read.id) ~= 'string' or type(read.worker) ~= 'string' or type(read.words) ~= 'string' then
    return nil
  end
  return '{"id":' .. cjson.encode(read.id) .. ',"worker":' .. cjson.encode(read.worker) .. ',"words":' .. cjson.encode(read.words) .. '}', read.id
end

local function entry_of(number, at, kind, generation, by, reason, list)
  return '{"number":' .. text(number) .. ',"at":' .. text(at) .. ',"kind":"' .. kind .. '","generation":' .. text(generation)
    .. ',"by":' .. cjson.encode(by) .. ',"reason":' .. cjson.encode(reason) .. ',"failures":[' .. table.concat(list, ',') .. ']}'
end

-- Adds an entry to the history and saves the state with it.
local function note(kind, list, by, reason)
  c.entries = c.entries + 1
  redis.call('LPUSH', KEYS[4], entry_of(c.entries, now, kind, c.generation, by, reason, list))
  redis.call('LTRIM', KEYS[4], 0, KEPT - 1)
  save()
end

local function drop_failures()
  fails = {}
  redis.call('DEL', KEYS[2])
end

local function drop_probe()
  probe = { token = '', worker = '', ends = 0 }
  redis.call('DEL', KEYS[3])
end

local function is_isolated()
  return c.isolated_at > 0
end

local function end_isolation()
  c.isolated_at = 0
  c.isolated_until = 0
  c.isolated_by = ''
  c.isolated_reason = ''
  c.isolated_key = ''
end

-- Opens for a while. Without a day in health since it last closed, repeated trips may hold it open longer.
local function open_for(length, kind, list, by, reason)
  c.mode = 'open'
  c.opened_at = now
  c.open_until = now + length
  c.generation = c.generation + 1
  drop_failures()
  drop_probe()
  note(kind, list, by, reason)
end

local function trip(kind, list, by, reason)
  if kind == 'opened' and c.closed_at > 0 and now - c.closed_at >= HEALTHY then
    c.trips = 0
  end
  c.trips = c.trips + 1
  local length = OPEN_FOR
  local double = c.trips
  while double > 1 and length < LONGEST do
    length = math.min(length * 2, LONGEST)
    double = double - 1
  end
  open_for(length, kind, list, by, reason)
end

local function close()
  c.mode = 'closed'
  c.opened_at = 0
  c.open_until = 0
  c.closed_at = now
  c.generation = c.generation + 1
  drop_failures()
  drop_probe()
end

local function reset(by, reason)
  close()
  c.trips = 0
  end_isolation()
  note('reset', {}, by, reason)
end

local function isolate(length, by, reason, key)
  c.isolated_at = now
  c.isolated_until = 0
  if length > 0 then
    c.isolated_until = now + length
  end
  c.isolated_by = by
  c.isolated_reason = reason
  c.isolated_key = key
  c.generation = c.generation + 1
  drop_probe()
  note('isolated', {}, by, reason)
end

-- The answer, and everything that a worker needs to go on by itself when the server is away.
local function answer(word)
  local reply = { word, text(now), c.mode, text(c.generation), text(c.opened_at), text(c.open_until), text(c.closed_at), text(c.trips), text(c.entries), c.born,
    text(c.isolated_at), text(c.isolated_until), c.isolated_by, c.isolated_reason, c.isolated_key, probe.token, probe.worker, text(probe.ends), text(#fails / 2) }
  for i = 1, #fails, 2 do
    reply[#reply + 1] = text(tonumber(fails[i + 1]))
    reply[#reply + 1] = fails[i]
  end
  return reply
end

if is_isolated() and c.isolated_until > 0 and now >= c.isolated_until then
  local by, reason = c.isolated_by, c.isolated_reason
  end_isolation()
  note('isolation_over', {}, by, reason)
end

-- Has less than somebody has seen: its life is a later one, or it has not come as far.
local function is_behind(born, entries)
  return born ~= '' and (c.born == '' or born < c.born or (born == c.born and c.entries < entries))
end

if is_behind(SEEN_BORN or '', tonumber(SEEN_ENTRIES or 0)) then
  return answer('lost')
end

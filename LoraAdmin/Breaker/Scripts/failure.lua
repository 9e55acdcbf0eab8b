-- A creation failed. ARGV: 3 generation and 4 token that check answered, 5 id of the creation, 6 the failure as JSON {"id","worker","words"}, all
-- three texts, with the same id; 7 effect: counted, ignored (the provider answered, only not with a pod) or isolated (it does not accept the key),
-- 8 worker, 9 mark of the key
-- Answers counted, opened, reopened, ignored, isolated, repeated (this id is counted already) or late (an older generation: kept in the history alone).
local generation, token, id, effect, worker = tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[7], ARGV[8]
local json, told_id = failure_of(ARGV[6])
if not json or told_id ~= id then
  return redis.error_reply('ERR argument 6 must be JSON {"id","worker","words"}, all three texts, with the id of argument 5')
end
if effect ~= 'counted' and effect ~= 'ignored' and effect ~= 'isolated' then
  return redis.error_reply('ERR argument 7 must be counted, ignored or isolated')
end
local words = cjson.decode(json).words
if effect == 'isolated' and not is_isolated() and generation >= c.generation then
  isolate(0, worker, words, ARGV[9])
  return answer('isolated')
end
if is_isolated() then
  note('late', { told(now, json) }, worker, words)
  return answer('late')
end
if c.mode == 'open' then
  if probe.token ~= '' and probe.token == token and generation == c.generation then
    if effect == 'ignored' then
      drop_probe()
      return answer('ignored')
    end
    trip('reopened', { told(now, json) }, worker, words)
    return answer('reopened')
  end
  if effect == 'ignored' then
    return answer('ignored')
  end
  note('late', { told(now, json) }, worker, words)
  return answer('late')
end
if effect == 'ignored' then
  return answer('ignored')
end
if generation < c.generation then
  note('late', { told(now, json) }, worker, words)
  return answer('late')
end
for i = 1, #fails, 2 do
  if cjson.decode(fails[i]).id == id then
    return answer('repeated')
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now - WINDOW))
redis.call('ZADD', KEYS[2], text(now), json)
fails[#fails + 1] = json
fails[#fails + 1] = text(now)
if #fails / 2 >= FAILURES_TO_OPEN then
  trip('opened', told_of_window(), worker, words)
  return answer('opened')
end
save()
return answer('counted')

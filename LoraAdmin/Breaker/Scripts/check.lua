-- May this worker ask for a pod now? ARGV: 3 token of the try, 4 worker, 5 mark of the provider's key ('' : unknown)
-- Answers go (carry the generation), probe (the same, and the only one; one call without retries), or open, probing, isolated (do not ask).
local token, worker, key = ARGV[3], ARGV[4], ARGV[5]
if is_isolated() and c.isolated_key ~= '' and key ~= '' and key ~= c.isolated_key then
  reset(worker, 'The key was changed')
end
if is_isolated() then
  return answer('isolated')
end
if c.mode ~= 'open' then
  return answer('go')
end
if now < c.open_until then
  return answer('open')
end
if probe.token ~= '' and probe.token ~= token and now < probe.ends then
  return answer('probing')
end
probe = { token = token, worker = worker, ends = now + PROBE_LEASE }
redis.call('HSET', KEYS[3], 'token', token, 'worker', worker, 'until', text(probe.ends))
return answer('probe')

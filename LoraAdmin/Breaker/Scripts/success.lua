-- A creation succeeded; a pod that was found and adopted is a success too. ARGV: 3 generation and 4 token that check answered, 5 worker
-- Answers noted (the count begins anew), closed (it was the probe) or late (an older generation: kept in the history alone).
local generation, token, worker = tonumber(ARGV[3]), ARGV[4], ARGV[5]
if not is_isolated() and c.mode == 'open' and probe.token ~= '' and probe.token == token and generation == c.generation then
  close()
  note('closed', {}, worker, 'A pod was created')
  return answer('closed')
end
if is_isolated() or c.mode == 'open' or generation < c.generation then
  note('late_success', {}, worker, 'A pod was created')
  return answer('late')
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  drop_failures()
  save()
end
return answer('noted')

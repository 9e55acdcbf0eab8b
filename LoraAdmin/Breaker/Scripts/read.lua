-- Changes nothing but an isolation whose time is over. ARGV: 3 how many entries of the history, newest first, follow the answer
local reply = answer('read')
local wanted = tonumber(ARGV[3])
if wanted > 0 then
  for _, entry in ipairs(redis.call('LRANGE', KEYS[4], 0, wanted - 1)) do
    reply[#reply + 1] = entry
  end
end
return reply

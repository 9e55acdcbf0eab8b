-- Holds it open, whatever happens, until reset or until the time is over. ARGV: 8 by, 9 reason, 10 for how long in ms (0: until reset), 11 mark of the key
isolate(tonumber(ARGV[10]), ARGV[8], ARGV[9], ARGV[11])
return answer('isolated')

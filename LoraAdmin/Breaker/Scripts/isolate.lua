-- Holds it open, whatever happens, until reset or until the time is over. ARGV: 6 by, 7 reason, 8 for how long in ms (0: until reset), 9 mark of the key
isolate(tonumber(ARGV[8]), ARGV[6], ARGV[7], ARGV[9])
return answer('isolated')

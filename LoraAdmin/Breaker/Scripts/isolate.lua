-- Holds it open, whatever happens, until reset or until the time is over. ARGV: 3 by, 4 reason, 5 for how long in ms (0: until reset), 6 mark of the key
isolate(tonumber(ARGV[5]), ARGV[3], ARGV[4], ARGV[6])
return answer('isolated')

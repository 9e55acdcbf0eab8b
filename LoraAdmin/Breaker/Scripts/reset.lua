-- Closes it and forgets every failure. ARGV: 3 by, 4 reason
reset(ARGV[3], ARGV[4])
return answer('reset')

-- Closes it and forgets every failure. ARGV: 8 by, 9 reason
reset(ARGV[8], ARGV[9])
return answer('reset')

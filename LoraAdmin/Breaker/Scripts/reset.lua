-- Closes it and forgets every failure. ARGV: 6 by, 7 reason
reset(ARGV[6], ARGV[7])
return answer('reset')

#p

-- Keep everybody off the live tables, in the order in which everybody else takes them.
LOCK TABLE read.orders, read.heads, read.timeline IN ACCESS EXCLUSIVE MODE

-- Keep writers off the live tables.
LOCK TABLE read.orders, read.heads, read.timeline IN SHARE ROW EXCLUSIVE MODE

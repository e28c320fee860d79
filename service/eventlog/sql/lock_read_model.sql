-- Keep writers off the read model: they and a restore would lock its rows in another order.
LOCK TABLE read.orders, read.heads, read.timeline IN SHARE ROW EXCLUSIVE MODE

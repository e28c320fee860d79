-- Whether the live read model has any order.
SELECT EXISTS (SELECT FROM read.orders)

-- Customer data, encrypted with a key for each order.
SELECT;

-- How many orders need each master key.
SELECT master_key, count(*) AS orders
FROM private.customer_data
WHERE master_key IS NOT NULL
GROUP BY master_key
ORDER BY master_key

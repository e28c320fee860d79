-- All statuses that orders have, each found by one step through the index.
WITH RECURSIVE word AS (
    (SELECT o.status FROM read.orders AS o WHERE o.status IS NOT NULL ORDER BY o.status LIMIT 1)
    UNION ALL
    SELECT (SELECT o.status FROM read.orders AS o WHERE o.status > word.status ORDER BY o.status LIMIT 1)
    FROM word WHERE word.status IS NOT NULL
)
SELECT word.status FROM word WHERE word.status IS NOT NULL

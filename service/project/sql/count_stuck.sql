-- How many orders of each account are stuck, by reason.
SELECT s.account, s.reason, count(*) AS orders FROM read.stuck AS s GROUP BY s.account, s.reason

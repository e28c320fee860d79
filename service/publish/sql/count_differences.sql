-- In how many windows topic and log differ.
SELECT count(*) FROM publish.differences

-- Streams set aside: replayed or dropped by command.
SELECT;

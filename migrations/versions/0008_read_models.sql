-- Read models that are filled beside the live ones, and from Kafka.
SELECT;

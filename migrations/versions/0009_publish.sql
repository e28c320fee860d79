-- What the auditor of the topics has seen.
SELECT;

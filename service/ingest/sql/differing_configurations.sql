-- How the configurations of accounts are not what the settings say.
--   $1 text[]  accounts
SELECT account, kind, differences FROM ingest.configurations
WHERE account = ANY ($1)
ORDER BY account, kind

-- Lock a lane, if it is still leased under this token; nothing is returned if it is not.
--   $1 uuid    stream id
--   $2 bigint  lease token
SELECT true FROM react.lanes WHERE stream_id = $1 AND lease_token = $2 FOR UPDATE

"""A local OMS that speaks VTEX's Orders API, with shoppers and a merchant of its own."""

"""VTEX's Orders API as the service uses it: one client an account, one method an operation."""

"""The command line: a module for each part of the service that has commands."""

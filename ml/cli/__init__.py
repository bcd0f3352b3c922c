"""The command line: thin over the use-case functions, for people and for the Makefile."""

"""The platform's page: its app, its access, its HTML."""

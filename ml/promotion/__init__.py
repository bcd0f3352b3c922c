"""Which version is in production, who put it there, and what challenges it."""

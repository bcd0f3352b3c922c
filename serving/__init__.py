"""The prediction service: serves the version in production, logs each answer durably."""

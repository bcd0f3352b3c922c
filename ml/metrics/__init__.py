"""What Prometheus is told of data, models and pipelines, read from the platform's tables."""

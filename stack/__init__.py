"""The embedded stack: Postgres, MLflow, Airflow and serving as local processes, no Docker, no root."""

"""Task code of the platform: pure functions over Postgres, files and MLflow.

Imports neither Airflow nor FastAPI. Nothing heavy is imported here, because the
serving image and the DAG parser import parts of this package.
"""

__version__ = "0.1.0"

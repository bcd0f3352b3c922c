"""The audit export: all that is known of a version, in one archive that can be checked without the platform."""

from ml.audit.export import AuditExport, export

__all__ = ["AuditExport", "export"]

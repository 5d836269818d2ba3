"""Roles 1-3: one blocking socket thread each. They write caches, ring the doorbell and post order truth."""

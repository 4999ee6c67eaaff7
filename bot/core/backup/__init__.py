"""Backups of PostgreSQL: sealed files that are made, listed, checked and restored."""

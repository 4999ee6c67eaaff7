"""PostgreSQL: connections, the primary, statements, the schema and its age."""

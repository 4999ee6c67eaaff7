"""What is kept, as rows of PostgreSQL and their copies in Redis."""

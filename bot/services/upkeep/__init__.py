"""What is done later or now and then: due actions, repairs, tidying and backups."""

"""Two databases that both take changes of the configuration."""

"""Who may speak and who may come in: what is decided, and what is then done to messages and members."""

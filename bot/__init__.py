"""GMBot: only members of the required channels speak in a protected group."""

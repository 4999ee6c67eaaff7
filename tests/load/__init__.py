"""Load on a real instance: what arrives, what is measured, and what must hold."""

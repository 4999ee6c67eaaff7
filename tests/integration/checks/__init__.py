"""The doctor's checks, against what they look at."""

"""What an instance tells of itself: logs, metrics, traces and error reports."""

"""What the database optimizer is made of; `bot/utils/db_optimizer.py` is the command."""

DROP INDEX scheduled_actions_message;

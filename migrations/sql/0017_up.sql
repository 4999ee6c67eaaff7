-- A panel that is used is not tidied up yet: its deletion is found by the message.
CREATE INDEX scheduled_actions_message ON scheduled_actions (bot_id, chat_id, message_id)
    WHERE kind = 'delete_message' AND dead_at IS NULL;

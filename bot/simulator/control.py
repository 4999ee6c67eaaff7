"""The control API: what the chat page and operators use to see and move the simulated world.

Everything is JSON over HTTP under `/control/`. Identifiers are the ones Telegram's updates carry. Times are Unix seconds of
the simulator's clock. Errors are `{"error": "a sentence"}` with 400 (not understood), 403 (the world does not allow it:
muted, not a member, no right) or 404 (no such user, chat, message).

`GET /control/state?viewer=<user_id>` -> everything that user can see (without `viewer`: an omniscient view)

    {"sequence": 17, "now": 1790000000.25, "clock_moves": true, "viewer": 101,
     "users": [{"id": 101, "name": "Sam", "first_name": "Sam", "last_name": null, "username": null, "is_bot": false,
                "language_code": "en"}],
     "bots":  [{"id": 5000000001, "name": "GMBot", "username": "gm_demo_bot", "token": "5000000001:SIM...",
                "delivery": "webhook" | "polling" | "none", "webhook_url": "", "pending_updates": 0, "last_error": null,
                "commands": [{"command": "protect", "description": "..."}],
                "private_chat_id": 101 | null}],
     "chats": [CHAT], "faults": [FAULT], "calls": 42}

  `private_chat_id` is the viewer's private chat with the bot once either side wrote (its id is the viewer's own id, so it is
  addressed by `"chat": <bot id>` in this API; see CHAT.key). A CHAT is

    {"key": "-1001234567890", "id": -1001234567890, "type": "channel" | "supergroup" | "group" | "private",
     "title": "GM Lounge", "username": null | "gm_news", "is_forum": false, "linked": null | chat id,
     "link": "https://t.me/gm_news" | "https://t.me/+AbC..." | "https://t.me/gm_demo_bot",
     "description": null, "join_by_request": false, "members_count": 4,
     "topics": [{"id": 7, "name": "News", "is_closed": false}],
     "me": {"status": "creator" | "administrator" | "member" | "restricted" | "left" | "kicked", "is_in": true,
            "can_speak": true, "can_read": true, "can_join": false, "has_requested": false,
            "is_muted": false, "until_date": 0, "muted_by": null | {"id": 1, "name": "GMBot", "is_bot": true},
            "rights": ["can_restrict_members", ...], "is_anonymous": false,
            "silence": null | "not_a_member" | "muted" | "channel" | "closed" | "banned"},
     "members": [{"id": 101, "name": "Sam", "username": null, "is_bot": false, "status": "restricted", "is_in": true,
                  "is_muted": true, "until_date": 1790003600, "rights": [], "is_anonymous": false, "custom_title": null}],
     "join_requests": [{"id": 101, "name": "Sam", "at": 1790000000}],
     "messages": [MESSAGE]}

  `key` is how a chat is addressed in every call of this API: the chat's id, or the bot's id for the viewer's private chat with
  that bot. `can_read` is false for private chats one is not in: then `messages` and `members` are empty. `members` holds
  people who are in the chat, restricted or banned; `me.silence` says why the composer is closed (null: it is open).
  Channels list members to their admins only. Oldest message first, at most 200. A MESSAGE is

    {"id": 12, "ephemeral_id": null | 3, "at": 1790000000.2, "edited_at": null, "topic": null, "mine": false,
     "from": {"id": 5000000001, "name": "GMBot", "is_bot": true, "as_chat": false}, "signature": null,
     "receiver": null | {"id": 101, "name": "Sam"},
     "text": "Join GM News", "entities": [{"type": "bold", "offset": 0, "length": 4, "url": "only for text_link"}],
     "service": null | "joined" | "left" | "other", "service_text": null | "Sam joined the group",
     "photo": false, "media_group_id": null, "reply_to": null | 11, "is_automatic_forward": false,
     "buttons": [[{"text": "GM News", "url": "https://t.me/gm_news", "chat": null | "-1001234567890", "style": null},
                  {"text": "I joined", "data": "v:1", "style": "success"}]],
     "can_edit": false, "can_delete": false}

  Entity offsets are UTF-16 code units, as JavaScript strings count. `chat` beside a button's `url` is the key of the simulated
  chat (or bot) the link leads to, when it is one, even where the viewer cannot read it yet.

`POST /control/act` with `{"action": ..., "user": <acting user id>, ...}` -> `{"result": ..., "sequence": 18}`; chats are keys (strings or numbers)

    say       chat, text, topic?, reply_to?, photo?, media_group_id?, as_channel?   -> MESSAGE (also in private chats and channels)
    comment   chat, text                            comment in a discussion group without membership
    edit      chat, message, text                   delete   chat, message
    press     chat, message, data, ephemeral?       -> {"query": "77"}: poll `answer`, or read it from the event stream
    answer    query                                 -> null | {"text": "Not yet", "show_alert": true, "url": null}
    join      chat | link    leave  chat            request_join  chat | link
    start     bot, payload?                         sends /start to a bot        block / unblock  bot
    add       chat, target        remove  chat, target        ban / unban  chat, target, until?
    mute      chat, target, until? | permissions?   unmute  chat, target         (a human moderator's restriction)
    promote   chat, target, rights: ["can_restrict_members", ...]?, anonymous?   demote  chat, target
    approve   chat, target        decline  chat, target                          (join requests)
    migrate   chat                set_permissions  chat, permissions            link_discussion  chat (channel), group
    add_user  name, username?, language_code?       -> USER           add_channel / add_group  title, username?, forum? -> {"key"}
    add_topic chat, name                            close_topic / open_topic  chat, topic

`GET /control/calls?after=<number>&limit=200` -> `{"calls": [CALL], "last": 42}`, oldest first; a CALL is

    {"number": 42, "at": 1790000000.2, "bot": 5000000001, "method": "restrictChatMember", "params": {...},
     "status": 200 | null while it runs, "ms": 1.3, "result": ..., "error": null | "Bad Request: ...", "fault": null | "flood"}

`GET /control/deliveries?after=<number>` -> `{"deliveries": [{"number", "bot", "update_id", "kind", "queue", "attempt", "status", "error",
    "started", "finished", "url"}], "last": 7}`
`GET /control/events` -> Server-Sent Events; each `data:` is one JSON object:
    event `changed`  {"sequence": 18}                read the state again
    event `call`     CALL                            a Bot API call has been answered
    event `answer`   {"query": "77", "user": 101, "text": "Not yet", "show_alert": true, "url": null}
`POST /control/clock {"advance": 60}` -> `{"now": ...}`
`POST /control/faults {"add": FAULT}` | `{"remove": 3}` | `{"clear": true}` -> `{"faults": [FAULT]}`; a FAULT is

    {"id": 3, "kind": "flood" | "error" | "delay" | "drop" | "lose_answer" | "lie", "method": null | "getChatMember",
     "chat": null, "user": null, "bot": null, "times": null (for ever) | 2, "retry_after": 5, "code": 500,
     "description": "Internal Server Error", "seconds": 0.0, "result": null}

`POST /control/reset` -> `{"sequence": ...}`: the world as it was after it was built; bots keep their tokens and webhooks.
`GET /` is the chat page's index.html, `GET /page/<file>` its other files.
"""

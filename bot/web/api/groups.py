"""Groups and channels, by the API."""

from typing import Any

import msgspec

from bot.domain.api import Scope
from bot.domain.listing import GroupQuery
from bot.domain.policy import written
from bot.web.api.asked import ChannelsQuery, GroupsQuery, NewMessage, Nothing, PolicyChoices
from bot.web.api.operations import Call, Operation
from bot.web.api.shapes import (
    Changed,
    Channel,
    Gating,
    Group,
    GroupInFull,
    RequiredChannel,
    Rights,
    Rows,
    Sent,
    Warming,
)
from bot.web.api.views import channel_shape, group_shape, rights_shape, warming_shape
from bot.web.desk import Desk

_ONE = "/bots/{bot}/groups/{group}"


class Groups:
    """Lists groups and acts on one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def operations(self) -> list[Operation[Any, Any]]:
        """Return them all."""
        read, operate = Scope.READ, Scope.OPERATE
        return [
            Operation(
                "list_groups", "GET", "/groups", read, "List groups", GroupsQuery, Nothing, Rows[Group], self._list
            ),
            Operation(
                "list_channels",
                "GET",
                "/channels",
                read,
                "List channels",
                ChannelsQuery,
                Nothing,
                Rows[Channel],
                self._channels,
            ),
            Operation("show_group", "GET", _ONE, read, "Show a group", Nothing, Nothing, GroupInFull, self._show),
            Operation(
                "group_rights",
                "GET",
                f"{_ONE}/rights",
                read,
                "Ask Telegram what the bot may do in a group and its channels",
                Nothing,
                Nothing,
                Rows[Rights],
                self._rights,
                faults=(503,),
            ),
            Operation(
                "choose_policy",
                "PATCH",
                f"{_ONE}/policy",
                operate,
                "Choose how strict a group's gate is; what is not named stays",
                Nothing,
                PolicyChoices,
                GroupInFull,
                self._choose,
            ),
            Operation(
                "pause_group",
                "POST",
                f"{_ONE}/pause",
                operate,
                "Check nobody in a group and free everybody",
                Nothing,
                Nothing,
                Changed,
                self._pause,
            ),
            Operation(
                "resume_group",
                "POST",
                f"{_ONE}/resume",
                operate,
                "Check again in a group",
                Nothing,
                Nothing,
                Gating,
                self._resume,
                faults=(409, 503),
            ),
            Operation(
                "recheck_group",
                "POST",
                f"{_ONE}/recheck",
                operate,
                "Compare the bot's rights with what it needs, and act on that",
                Nothing,
                Nothing,
                Gating,
                self._recheck,
                faults=(409, 503),
            ),
            Operation(
                "warm_group",
                "POST",
                f"{_ONE}/warm",
                operate,
                "Verify a group's members in advance",
                Nothing,
                Nothing,
                Warming,
                self._warm,
                202,
                (503,),
            ),
            Operation(
                "show_warming",
                "GET",
                "/warmings/{job}",
                read,
                "Show how far a verification in advance is",
                Nothing,
                Nothing,
                Warming,
                self._warming,
                faults=(503,),
            ),
            Operation(
                "send_message",
                "POST",
                f"{_ONE}/messages",
                operate,
                "Write to a group as the bot",
                Nothing,
                NewMessage,
                Sent,
                self._send,
                201,
                (409, 503),
            ),
        ]

    async def _list(self, call: Call, query: GroupsQuery, _: Nothing) -> object:
        asked = GroupQuery(
            bot=await call.only(query.bot),
            search=query.search,
            state=query.state,
            cursor=query.cursor,
            limit=query.limit,
        )
        page = await self._desk.lookup.groups(call.who, asked)
        return Rows(items=tuple(group_shape(row) for row in page.rows), next=page.cursor)

    async def _channels(self, call: Call, query: ChannelsQuery, _: Nothing) -> object:
        bot = await call.only(query.bot)
        page = await self._desk.lookup.channels(
            call.who, search=query.search, bot=bot, cursor=query.cursor, limit=query.limit
        )
        return Rows(items=tuple(channel_shape(row) for row in page.rows), next=page.cursor)

    async def _show(self, call: Call, _: Nothing, __: Nothing) -> object:
        found = await self._desk.lookup.group(call.who, *await call.group())
        return GroupInFull(
            group=group_shape(found.row),
            required=tuple(
                RequiredChannel(id=each.channel_id, title=each.title, username=each.username, link=each.join_url)
                for each in found.group.channels
            ),
            policy=dict(written(found.group.policy)),
            language=found.group.language,
            exempt=len(found.group.exempt),
            decisions=found.counts,
        )

    async def _choose(self, call: Call, _: Nothing, body: PolicyChoices) -> object:
        await self._desk.groups.choose(call.who, *await call.group(), msgspec.to_builtins(body))
        return await self._show(call, Nothing(), Nothing())

    async def _rights(self, call: Call, _: Nothing, __: Nothing) -> object:
        found = await self._desk.groups.rights(call.who, *await call.group())
        return Rows(items=tuple(rights_shape(each) for each in found), next=None)

    async def _pause(self, call: Call, _: Nothing, __: Nothing) -> object:
        return Changed(changed=await self._desk.groups.pause(call.who, *await call.group()))

    async def _resume(self, call: Call, _: Nothing, __: Nothing) -> object:
        return Gating(gated=await self._desk.groups.resume(call.who, *await call.group()))

    async def _recheck(self, call: Call, _: Nothing, __: Nothing) -> object:
        return Gating(gated=await self._desk.groups.recheck(call.who, *await call.group()))

    async def _warm(self, call: Call, _: Nothing, __: Nothing) -> object:
        return warming_shape(await self._desk.warmings.start(call.who, *await call.group()))

    async def _warming(self, call: Call, _: Nothing, __: Nothing) -> object:
        return warming_shape(await self._desk.jobs.job(call.who, call.path["job"]))

    async def _send(self, call: Call, _: Nothing, body: NewMessage) -> object:
        return Sent(parts=(await self._desk.groups.send(call.who, *await call.group(), body.text)).parts)

"""Removing somebody who did not join in time: a short ban whose end is written down before it begins."""

import structlog

from bot.domain.errors import ChatMovedError, TelegramRefusedError
from bot.domain.restriction import Case, is_ours
from bot.services.gate.deletions import Hold
from bot.services.ports.ledger import CaseLedger
from bot.services.ports.telegram import TelegramModeration

log = structlog.stdlib.get_logger()


async def kick(case: Case, *, ledger: CaseLedger, telegram: TelegramModeration, hold: Hold) -> bool:
    """Ban somebody who is in the group under our mute for some minutes; whether it was done.

    Raises TelegramUnavailableError when the outcome is not known, ChatMovedError and StoreUnavailableError.
    """
    state = await telegram.member_state(case.bot_id, case.group_id, case.user_id)
    if not state.is_member or not is_ours(state, case.our_until) or not await hold(case):
        return False
    until = await ledger.kicking(case)
    if until is None:
        return False
    try:
        await telegram.ban(case.bot_id, case.group_id, case.user_id, until=until)
    except ChatMovedError:
        raise
    except TelegramRefusedError as error:
        log.warning("case.kick_refused", case=case.case_id, description=error.description)
        return False
    log.info("case.kicked", case=case.case_id, group=case.group_id, user=case.user_id)
    return True

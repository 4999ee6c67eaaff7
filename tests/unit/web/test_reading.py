"""What stands behind the question mark is read strictly."""

import pytest

from bot.domain.errors import InvalidInputError
from bot.web.api.asked import GroupsQuery
from bot.web.api.reading import read_query


@pytest.mark.parametrize("value", ["null", "NULL"])
def test_null_is_no_value_of_a_parameter(value: str) -> None:
    """Whoever asks for a state that there is not hears so, and does not get all groups."""
    with pytest.raises(InvalidInputError, match="state must not be null"):
        read_query({"state": value}, GroupsQuery)

"""The last member counts; members stay few."""

from __future__ import annotations

import pytest

from pipelines.transforms.latest import MOST_MEMBERS, Latest

pytestmark = pytest.mark.unit


class Bag:
    def __init__(self) -> None:
        self.members: list[int] = []
        self.requests = 0

    def read(self) -> list[int]:
        return list(self.members)

    def add(self, value: int) -> None:
        self.requests += 1
        self.members.append(value)

    def clear(self) -> None:
        self.requests += 1
        self.members.clear()


def test_what_was_written_last_is_read() -> None:
    bag = Bag()
    assert Latest(bag).value is None
    for number in range(100):
        Latest(bag).write(number)
        assert Latest(bag).value == number
        assert len(bag.members) <= MOST_MEMBERS
    assert bag.requests < 110, "hardly more than one request a write"


def test_several_writes_of_one_element_count_their_members() -> None:
    bag = Bag()
    latest = Latest(bag)
    for number in range(40):
        latest.write(number)
    assert latest.value == 39
    assert len(bag.members) <= MOST_MEMBERS


def test_what_was_cleared_is_gone() -> None:
    bag = Bag()
    latest = Latest(bag)
    latest.write(1)
    latest.clear()
    assert (latest.value, Latest(bag).value, bag.members) == (None, None, [])

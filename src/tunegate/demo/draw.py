"""The randomness behind one demo record: who is in it and what is drawn for it."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import yaml
from faker import Faker

Country = Literal["US", "GB", "CN"]
LOCALES: Mapping[Country, str] = {"US": "en_US", "GB": "en_GB", "CN": "zh_CN"}

POOLS: Mapping[str, list[str]] = yaml.safe_load(
    (Path(__file__).parent / "templates" / "pools.yaml").read_text(encoding="utf-8")
)
BASE62 = string.ascii_letters + string.digits


class Draw:
    """The randomness of one record: its generator, its country and the people in it."""

    def __init__(self, rng: random.Random, fakers: Mapping[str, Faker], country: Country) -> None:
        self.rng = rng
        self.country = country
        self.faker = fakers[LOCALES[country]]
        self.faker.seed_instance(rng.getrandbits(32))
        self._people: dict[str, tuple[str, str]] = {}

    def person(self, number: str) -> tuple[str, str]:
        """First and last name of the record's person with this number."""
        if number not in self._people:
            self._people[number] = (self.faker.first_name(), self.faker.last_name())
        return self._people[number]

    def pick(self, alphabet: str, length: int) -> str:
        """`length` characters of `alphabet`."""
        return "".join(self.rng.choices(alphabet, k=length))

    def digits(self, length: int) -> str:
        """`length` decimal digits."""
        return self.pick(string.digits, length)

    def until(self, valid: Callable[[str], bool], make: Callable[[], str]) -> str:
        """The first made value that is valid."""
        while not valid(value := make()):
            pass
        return value


def fakers() -> dict[str, Faker]:
    """One name and address generator a locale; `Draw` seeds it for each record."""
    return {locale: Faker(locale) for locale in LOCALES.values()}

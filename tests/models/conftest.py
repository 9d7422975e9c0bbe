"""The tiny model for every test here."""

from tests.models.tiny import base, tiny_folder

__all__ = ["base", "tiny_folder"]

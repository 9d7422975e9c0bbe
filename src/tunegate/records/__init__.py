"""Readers and writers: datasets in, records through the stages, the same datasets out."""

from tunegate.records.dataset import Dataset, open
from tunegate.records.editing import edit, turns, unread
from tunegate.records.writing import write

__all__ = ["Dataset", "edit", "open", "turns", "unread", "write"]

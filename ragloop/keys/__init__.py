"""The keys of callers: whose labels they carry and what they may do."""

from ragloop.keys.kept import USUAL, Key, Keys, MadeKey, Role, matching

__all__ = ["USUAL", "Key", "Keys", "MadeKey", "Role", "matching"]

"""Compound files ([MS-CFB]) of short streams, as Outlook keeps messages in."""

import struct
from collections.abc import Mapping
from typing import Any

SECTOR, SMALL, CUTOFF = 512, 64, 4_096
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
STORAGE, STREAM, ROOT = 1, 2, 5


def compound_file(tree: Mapping[str, Any]) -> bytes:
    """Return a file with the streams (bytes) and storages (mappings) of a tree, each stream below 4,096 bytes."""
    small, chains, entries = bytearray(), list[int](), list[bytes]()
    rows: list[tuple[str, int, int, int, int, int]] = [("Root Entry", ROOT, FREE, FREE, END, 0)]

    def add(members: Mapping[str, Any]) -> int:
        """Add what a storage holds, each beside the next; return the number of the first."""
        following = FREE
        for name, content in reversed(list(members.items())):
            if isinstance(content, Mapping):
                row = (name, STORAGE, following, add(content), 0, 0)
            else:
                assert len(content) < CUTOFF
                row = (name, STREAM, following, FREE, len(small) // SMALL if content else END, len(content))
                count = -(-len(content) // SMALL)
                chains.extend([*range(len(chains) + 1, len(chains) + count), END] if count else [])
                small.extend(content.ljust(count * SMALL, b"\0"))
            following = len(rows)
            rows.append(row)
        return following

    child = add(tree)
    directory_sectors = -(-len(rows) // 4)
    chain_sectors = -(-len(chains) * 4 // SECTOR)
    data_sectors = -(-len(small) // SECTOR)
    rows[0] = ("Root Entry", ROOT, FREE, child, 1 + directory_sectors + chain_sectors, len(small))
    for name, kind, following, inner, start, size in rows:
        wide = name.encode("utf-16-le")
        entries.append(
            struct.pack("<64sHBBIII16xI16xIQ", wide, len(wide) + 2, kind, 1, FREE, following, inner, 0, start, size)
        )
    table = [FAT]
    for count in (directory_sectors, chain_sectors, data_sectors):
        table += [*range(len(table) + 1, len(table) + count), END] if count else []
    assert len(table) <= SECTOR // 4
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        *(0x3E, 3, 0xFFFE, 9, 6),
        *(0, 1, 1, 0, CUTOFF, 1 + directory_sectors, chain_sectors, END, 0),
    )
    numbers = struct.pack("<109I", 0, *[FREE] * 108)
    fat = struct.pack(f"<{len(table)}I", *table).ljust(SECTOR, b"\xff")
    chained = struct.pack(f"<{len(chains)}I", *chains).ljust(chain_sectors * SECTOR, b"\xff")
    directory = b"".join(entries).ljust(directory_sectors * SECTOR, b"\0")
    return header + numbers + fat + directory + chained + bytes(small).ljust(data_sectors * SECTOR, b"\0")

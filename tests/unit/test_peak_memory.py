"""The most memory that a process has had, in megabytes on any platform."""

from ragloop.models.training.memory.available import in_mb, peak_mb


def test_getrusage_says_kilobytes_and_on_macos_bytes() -> None:
    assert (in_mb(3 * 2**10, "linux"), in_mb(3 * 2**20, "darwin")) == (3, 3)


def test_this_process_has_had_what_it_holds_now() -> None:
    held = bytearray(64 * 2**20)
    assert len(held) / 2**20 < peak_mb() < 2**17

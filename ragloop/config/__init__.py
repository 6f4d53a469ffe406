"""Settings: defaults, then `ragloop.toml`, then `RAGLOOP_*` variables. Read at entry points only.

A nested value is set by two underscores: `RAGLOOP_INDEX__CHUNK_TOKENS=150`. Whatever is of the wrong type or out of
range is a ConfigError that names the file or variable, the key, what was found and what is allowed, and so is an
unknown key of the file. An unknown variable is warned of, since a platform may have set it.
"""

from ragloop.config.answering import RetrievalSettings
from ragloop.config.reading import CONFIG_FILE, find_config, load_settings
from ragloop.config.section import Section
from ragloop.config.settings import IndexSettings, Settings, SourceSettings, SyncSettings
from ragloop.config.template import template

__all__ = [
    "CONFIG_FILE", "IndexSettings", "RetrievalSettings", "Section", "Settings", "SourceSettings", "SyncSettings",
    "find_config", "load_settings", "template",
]  # fmt: skip

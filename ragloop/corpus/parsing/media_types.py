"""Media types that more than one part of parsing names."""

HTML = "text/html"
PAGE_WITH_IMAGES = "application/x-page-with-images"
"""An archive that a source makes of a page and the images beside it; no file of it is one."""

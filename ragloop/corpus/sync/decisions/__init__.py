"""What a sync decides: values in, a record out. Nothing here reads a disk or a table."""

"""The golden questions of a home: kept, held against the documents of today, and suggested from the log."""

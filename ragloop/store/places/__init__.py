"""Where a database and its leases may be: a folder, or a prefix of a bucket."""

"""Questions of the log that are alike, which people may rename, merge, split and pin."""

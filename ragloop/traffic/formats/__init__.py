"""Formats in which services write their traffic: one file each, from records of a file to exchanges."""

"""What the three office formats have in common, and the parts of each that stand by themselves."""

"""Canaries: whether a challenger that answers a share of the questions is worse than the champion."""

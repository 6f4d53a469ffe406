"""How each kind of thing is removed, by its entry in the catalogue."""

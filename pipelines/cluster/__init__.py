"""Pipeline ``cluster``: profiles of a galaxy cluster from surface brightness to mass."""

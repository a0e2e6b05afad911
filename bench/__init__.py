"""The benchmark: what Vestibule does in a second, against floors measured in the same run. `make bench`."""

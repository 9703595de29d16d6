"""Physics of galaxy clusters, pure arrays: cosmology, halos, gas, shells seen in projection."""

"""Spectral polarization of radiative models: degrees of each process, Stokes sums, likelihoods."""

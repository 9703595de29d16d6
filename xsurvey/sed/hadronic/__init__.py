"""What relativistic protons do to photons, and photons to gamma rays; batched over parameters."""

# Measure the polarization of a source in three energy bins, with ixpeobssim's errors.
xsurvey polarization pcube source_du?.fits --ebins 2,4,6,8 --estimator pcube --json cube.json

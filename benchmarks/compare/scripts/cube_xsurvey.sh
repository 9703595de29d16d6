# Measure the polarization of a source in three energy bins.
xsurvey polarization pcube source_du?.fits --ebins 2,4,6,8 --json cube.json

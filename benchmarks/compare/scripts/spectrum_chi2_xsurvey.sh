# Fit an absorbed power law to 3C 273, with intervals and the flux.
xsurvey spectrum fit 3c273.pi --model 'phabs*powerlaw' --stat chi2 --subtract --group file \
    --energy 0.5-7 --json fit.json

# Fit synchrotron and self-Compton emission to Mrk 421, with intervals.
xsurvey sed fit Mrk421_2011.ecsv --redshift 0.0308 --freeze gamma_min=500 --freeze gamma_max=1e6 \
    --freeze t_var=86400 --min-frequency 1e11 --systematic MAGIC=0.3 --systematic Fermi=0.1 \
    --systematic RXTE/PCA=0.1 --systematic Swift/BAT=0.1 --systematic Swift/XRT=0.1 \
    --systematic-default 0.05 --json fit.json

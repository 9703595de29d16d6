# Measure the brightness of a cluster in rings, and fit a beta model through the PSF.
xsurvey profile image.fits --exposure exposure.fits --center 150,2.2 --bin-size 20arcsec \
    --max-radius 20arcmin --psf king:60arcsec,1.7 --fit beta --json profile.json

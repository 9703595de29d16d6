"""Fit an absorbed power law to 3C 273, with intervals and the flux."""

import json

from sherpa.astro import ui

ui.load_pha("3c273.pi")
ui.notice(0.5, 7.0)
ui.set_stat("wstat")
ui.set_source(ui.xsphabs.absorption * ui.xspowerlaw.source)
ui.guess(ui.get_model_component("source"))
ui.fit()
ui.conf()
flux = ui.calc_energy_flux(0.5, 7.0)

# what the comparison reads
found = ui.get_conf_results()
fit = ui.get_stat_info()[0]
limits = zip(found.parvals, found.parmins, found.parmaxes, strict=True)
nh, index, norm = [
    [value, None if low is None else value + low, None if high is None else value + high]
    for value, low, high in limits
]
record = {"statistic": [fit.statval], "nh": nh, "index": index, "norm": norm, "flux": [flux]}
print("\n" + json.dumps(record))

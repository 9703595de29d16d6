"""Images of the particle background that the spectra of the regions have."""

from __future__ import annotations

from collections.abc import Sequence

from xsurvey.profiles.observed_regions import ObservedRegions
from xsurvey.profiles.particles.maps import ParticleMap, particle_map
from xsurvey.profiles.region_products import RegionProducts, that_see
from xsurvey.units import EnergyBand


def particle_images(
    products: RegionProducts, observed: Sequence[ObservedRegions], bands: Sequence[EnergyBand],
    template_error: float,
) -> list[ParticleMap]:  # fmt: skip
    """Return the particle background of all observations and detectors in some bands.

    Parameters
    ----------
    products : RegionProducts
        As `make_products` made them, with the scales of the particles.
    observed : sequence of ObservedRegions
        Of which they were made.
    bands : sequence of EnergyBand
        keV.
    template_error : float
        Relative systematic error of the templates.

    Returns
    -------
    list of ParticleMap
        One a band, on the pixels of the layout: counts, whether in a region or not.
    """
    seen = that_see(observed)
    livetimes = {
        name: [o.groups[name].exposure.livetime for o in seen if name in o.groups]
        for name in products.scales
    }
    return [
        particle_map(
            products.layout.grid, seen[0].channels, products.scales, livetimes, band,
            template_error,
        )
        for band in bands
    ]  # fmt: skip

"""What a user chooses for the pipeline ``cluster`` beside the parameters of its steps."""

from __future__ import annotations

from pydantic import Field, field_validator

from xsurvey.galaxy_clusters.cosmology import Cosmology
from xsurvey.imaging.source_mask import MaskParameters
from xsurvey.parameters import StepParameters
from xsurvey.profiles.exposure_spectrum import (
    PHOTON_INDEX,
    SPECTRUM_FIELD,
    ExposureMapParameters,
    ExposureSpectrum,
)
from xsurvey.psf import parse_psf
from xsurvey.units import Angle, Band, Position, written

_COSMOLOGY = Cosmology.model_fields


class TargetParameters(StepParameters):
    """The cluster."""

    name: str = Field(
        default="cluster", min_length=1, max_length=60, description="Its name, in ASCII."
    )
    center: Position | None = Field(
        default=None, description="Centre of all profiles, RA,DEC. Needed."
    )
    redshift: float | None = Field(
        default=None, gt=0, lt=10,
        description="Redshift. Needed for spectra, densities and masses.",
    )  # fmt: skip
    nh: float = Field(
        default=0.03, ge=0, lt=100,
        description="Column density of hydrogen in front of it, 1e22 / cm2.",
    )  # fmt: skip
    r200: Angle | None = Field(
        default=None, gt=0,
        description="Radius of the overdensity 200, if known: the brightness there gets a "
        "significance, and figures a line.",
    )  # fmt: skip
    r500: Angle | None = Field(default=None, gt=0, description="The same of 500.")
    h0: float = Field(default=70.0, gt=0, le=1000, description=str(_COSMOLOGY["h0"].description))
    omega_m: float = Field(
        default=0.3, gt=0, le=1, description=str(_COSMOLOGY["omega_m"].description)
    )

    @field_validator("name")
    @classmethod
    def _ascii(cls, value: str) -> str:
        if not (value.isascii() and value.isprintable() and value.strip()):
            raise ValueError(f"'{value}' is not printable ASCII, and FITS tables hold no other")
        return value

    @property
    def cosmology(self) -> Cosmology:
        """The universe that lengths and masses are of."""
        return Cosmology(h0=self.h0, omega_m=self.omega_m)


class MosaicParameters(ExposureMapParameters):
    """The images of all observations on one grid about the cluster."""

    pixel: Angle = Field(default=written("8arcsec"), gt=0, description="Side of their pixels.")
    size: Angle | None = Field(
        default=None, gt=0,
        description="Half of their side; the outermost radius of profiles, annuli and sky if not "
        "given.",
    )  # fmt: skip
    bands: tuple[Band, ...] = Field(
        default=(),
        description="Energy range, in keV, of further images, beside that of the brightness.",
    )
    exposure_spectrum: str | None = Field(
        default=None,
        description=f"{SPECTRUM_FIELD} A power law of photon index {PHOTON_INDEX:g} behind the "
        "target's nh if not given.",
    )

    def spectrum_behind(self, nh: float) -> ExposureSpectrum | None:
        """Return the spectrum of the exposure maps of a target with a column density, 1e22."""
        if self.exposure_spectrum is None:
            return ExposureSpectrum(PHOTON_INDEX, nh)
        return self.spectrum


class ClusterMaskParameters(MaskParameters):
    """What is not the cluster's: sources that are left out of profiles and spectra."""

    sources: bool = Field(
        default=True, description="Mask the sources that the search of the images finds."
    )
    core: Angle = Field(
        default=written("1arcmin"), ge=0,
        description="Sources nearer to the centre are not masked: they are taken for the core of "
        "the cluster.",
    )  # fmt: skip


class AbsorptionParameters(StepParameters):
    """Images that are corrected for absorption; made where there are spectra of annuli."""

    nh_map: str | None = Field(
        default=None,
        description="FITS image of the column density of hydrogen, cm-2, such as a part of HI4PI, "
        "on any pixels that cover the field; target.nh everywhere if not given.",
    )  # fmt: skip
    nh_to: float = Field(
        default=0.0, ge=0, lt=100,
        description="Column density to which images are brought, 1e22 / cm2; 0 for none.",
    )  # fmt: skip
    kt: float = Field(
        default=3.0, gt=0.05, lt=50,
        description="Temperature of the plasma whose absorption is taken, keV.",
    )  # fmt: skip
    abundance: float = Field(default=0.3, ge=0, le=5, description="Its abundance, solar.")


class RegionSpectraParameters(StepParameters):
    """The spectra of annuli and sky, and what of them is fitted."""

    groups: tuple[str, ...] = Field(
        default=(),
        description="Detectors with a spectrum of their own, by the names that the mission gives "
        "to groups; its choice for diffuse emission if none is given.",
    )
    energy: tuple[Band, ...] = Field(
        default=(written("0.5-7"),),
        description="Energies that are fitted, in keV; repeat for several ranges.",
    )
    group: str = Field(
        default="opt",
        description="Groups of channels: none, opt (Kaastra & Bleeker 2016), min1, min5, ...",
    )
    psf: str = Field(
        default="mission",
        description="PSF that moves light between annuli: mission for that of the telescope, none, "
        "gaussian:SIGMA or king:R90,SLOPE.",
    )

    @field_validator("psf")
    @classmethod
    def _known_psf(cls, value: str) -> str:
        if value not in ("mission", "none"):
            parse_psf(value)
        return value

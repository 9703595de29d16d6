"""What the gas is made of: electrons per hydrogen nucleus, mean molecular weights.

The gas is fully ionised. Helium is at its cosmic abundance and what apec scales with its
abundance parameter are C, N, O, Ne, Mg, Al, Si, S, Ar, Ca, Fe and Ni, so these are counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# atomic number, standard atomic weight (IUPAC)
_ELEMENTS = {
    "He": (2, 4.0026), "C": (6, 12.011), "N": (7, 14.007), "O": (8, 15.999), "Ne": (10, 20.180),
    "Mg": (12, 24.305), "Al": (13, 26.982), "Si": (14, 28.085), "S": (16, 32.06),
    "Ar": (18, 39.95), "Ca": (20, 40.078), "Fe": (26, 55.845), "Ni": (28, 58.693),
}  # fmt: skip
_HYDROGEN_WEIGHT = 1.008
_PROTON_WEIGHT = 1.007276  # CODATA, atomic mass units

# numbers relative to hydrogen, in the order of the elements; as in XSPEC's tables of these names
_TABLES = {
    # Anders & Grevesse (1989, Geochim. Cosmochim. Acta 53, 197)
    "angr": (9.77e-2, 3.63e-4, 1.12e-4, 8.51e-4, 1.23e-4, 3.80e-5, 2.95e-6, 3.55e-5, 1.62e-5,
             3.63e-6, 2.29e-6, 4.68e-5, 1.78e-6),
    # Grevesse & Sauval (1998, Space Sci. Rev. 85, 161)
    "grsa": (8.51e-2, 3.31e-4, 8.32e-5, 6.76e-4, 1.20e-4, 3.80e-5, 2.95e-6, 3.55e-5, 2.14e-5,
             2.51e-6, 2.29e-6, 3.16e-5, 1.78e-6),
    # Wilms, Allen & McCray (2000, ApJ 542, 914)
    "wilm": (9.77e-2, 2.40e-4, 7.59e-5, 4.90e-4, 8.71e-5, 2.51e-5, 2.14e-6, 1.86e-5, 1.23e-5,
             2.57e-6, 1.58e-6, 2.69e-5, 1.12e-6),
    # Lodders (2003, ApJ 591, 1220)
    "lodd": (7.92e-2, 2.45e-4, 6.76e-5, 4.90e-4, 7.41e-5, 3.55e-5, 2.88e-6, 3.47e-5, 1.55e-5,
             3.55e-6, 2.19e-6, 2.95e-5, 1.66e-6),
    # Asplund et al. (2009, ARA&A 47, 481)
    "aspl": (8.51e-2, 2.69e-4, 6.76e-5, 4.90e-4, 8.51e-5, 3.98e-5, 2.82e-6, 3.24e-5, 1.32e-5,
             2.51e-6, 2.19e-6, 3.16e-5, 1.66e-6),
    # Lodders, Palme & Gail (2009, Landolt-Boernstein VI/4B, 560), photospheric
    "lpgp": (8.41e-2, 2.45e-4, 7.24e-5, 5.37e-4, 1.12e-4, 3.47e-5, 2.95e-6, 3.31e-5, 1.38e-5,
             3.16e-6, 2.14e-6, 2.82e-5, 1.70e-6),
}  # fmt: skip

ABUNDANCE_TABLES = tuple(_TABLES)
"""Names of the abundance tables whose composition is known."""


@dataclass(frozen=True)
class Composition:
    """Numbers of a fully ionised gas.

    Attributes
    ----------
    electrons_per_hydrogen : float
        n_e / n_H.
    mu : float
        Mass per particle (electrons and ions), proton masses.
    mu_e : float
        Mass per electron, proton masses.
    """

    electrons_per_hydrogen: float
    mu: float
    mu_e: float

    @property
    def particles_per_electron(self) -> float:
        """Of all kinds, n / n_e: the pressure of the gas over that of its electrons."""
        return self.mu_e / self.mu


def composition(table: str = "angr", metals: float = 0.3) -> Composition:
    """Return the composition of gas.

    Parameters
    ----------
    table : str
        Abundance table, by XSPEC's name.
    metals : float
        Abundance of what is heavier than helium, relative to the table's: 0.3 is typical of
        clusters, and 1 changes n_e / n_H by 0.8 %.

    Raises
    ------
    ValueError
        An unknown table, or a negative abundance.

    Examples
    --------
    >>> gas = composition("angr", 0.3)
    >>> round(gas.electrons_per_hydrogen, 3), round(gas.mu, 3), round(gas.mu_e, 3)
    (1.199, 0.608, 1.165)
    """
    if table not in _TABLES:
        raise ValueError(f"abundance table '{table}' is not one of {', '.join(_TABLES)}")
    if not metals >= 0:
        raise ValueError(f"abundance {metals} is negative")
    number = np.array(_TABLES[table])
    number[1:] *= metals
    charge, weight = np.array(list(_ELEMENTS.values())).T
    electrons = 1 + float(number @ charge)
    mass = (_HYDROGEN_WEIGHT + float(number @ weight)) / _PROTON_WEIGHT
    return Composition(electrons, mass / (1 + float(number.sum()) + electrons), mass / electrons)

"""What a pipeline is to the commands: its sections, its stages, its plan, its products."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult, Stage
from xsurvey.errors import XSurveyError
from xsurvey.parameters import StepParameters


def _nothing(config: Config) -> Iterable[XSurveyError]:
    return ()


@dataclass(frozen=True)
class Pipeline:
    """A named analysis from configuration to products.

    Attributes
    ----------
    name, summary : str
    sections : mapping of str to type[StepParameters]
        Steps of the configuration, by section name.
    stages : tuple of Stage
        All that its plans may use.
    kinds : tuple of str
        Files that an input may have beside its events.
    plan : callable
        Makes the plan of a configuration.
    publish : callable
        Writes the products of a run below the output folder.
    example_inputs : tuple of str
        For `xsurvey init`.
    check : callable
        Looks into the inputs of a configuration for what a run would fail at.
    takes_inputs : bool
        Whether it has event files as inputs; otherwise its sections name all files.
    """

    name: str
    summary: str
    sections: Mapping[str, type[StepParameters]]
    stages: tuple[Stage, ...]
    kinds: tuple[str, ...]
    plan: Callable[[Config], Plan]
    publish: Callable[[Config, Plan, RunResult], None]
    example_inputs: tuple[str, ...]
    check: Callable[[Config], Iterable[XSurveyError]] = _nothing
    takes_inputs: bool = True

"""A stand-in for HEASoft's module ``xspec``: it takes what that takes, and records it.

Attributes that the real one does not have are errors. Written to the file FAKE_XSPEC_LOG, a line
of JSON each: [what, argument].
"""

import json
import os


def record(what, argument):
    with open(os.environ["FAKE_XSPEC_LOG"], "a") as stream:
        stream.write(json.dumps([what, argument]) + "\n")


class Strict:
    known: tuple[str, ...] = ()

    def __setattr__(self, name, value):
        if name not in self.known:
            raise AttributeError(name)
        record(f"{type(self).__name__}.{name}", value if not callable(value) else value.name)
        object.__setattr__(self, name, value)


class Settings(Strict):
    known = ("chatter", "logChatter", "allowPrompting", "abund", "xsect", "cosmo")

    def addModelString(self, name, value):
        record("Settings.addModelString", [name, value])


class Response(Strict):
    known = ("arf",)


class Spectrum(Strict):
    known = ("background", "response")
    background = "own_background.pha"

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name == "response":
            object.__setattr__(self, name, Response())

    def __getattr__(self, name):
        if name == "response":
            object.__setattr__(self, name, Response())
            return self.response
        raise AttributeError(name)

    def ignore(self, text):
        record("ignore", text)

    def notice(self, text):
        record("notice", text)


class Data:
    def __init__(self):
        self.spectra = {}

    def clear(self):
        record("AllData.clear", None)

    def __call__(self, what):
        if isinstance(what, int):
            return self.spectra[what]
        record("AllData", what)
        if "absent" in what:
            raise Exception("cannot open absent.pha")
        if "crash" in what:
            os._exit(134)
        self.spectra = {i: Spectrum() for i in range(1, len(what.split()) // 2 + 1)}
        return None


class Models:
    def clear(self):
        record("AllModels.clear", None)


class Parameter(Strict):
    known = ("values", "frozen", "link")

    def __init__(self, name, values, frozen):
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "frozen", frozen)
        object.__setattr__(self, "link", "")
        object.__setattr__(self, "error", (0.0, 0.0, "FFFFFFFFF"))

    def __call__(self):
        raise TypeError


class Model:
    def __init__(self, text):
        record("Model", text)
        Model.last = self
        self.parameters = [
            Parameter(n, [v, 0.01, 0, 0, 10, 10], f)
            for n, v, f in (("nH", 1.0, False), ("PhoIndex", 1.0, False), ("norm", 1.0, False),
                            ("PhoIndex", 1.0, False), ("norm", 1.0, False))
        ]  # fmt: skip

    def __call__(self, number):
        return self.parameters[number - 1]

    def setPars(self, values):
        record("setPars", values)
        for number, value in values.items():
            object.__setattr__(self(number), "values", [value, 0.01, 0, 0, 10, 10])


class FitManager(Strict):
    known = ("statMethod", "statTest", "query", "nIterations", "weight")
    statistic = 496.8
    dof = 443
    testStatistic = 500.0

    def perform(self):
        record("perform", None)

    def error(self, text):
        record("error", text)
        for number in text.split()[1:]:
            parameter = Model.last(int(number))
            value = parameter.values[0]
            flag = "FFFFFFFFF" if number != "3" else "FFFFTFFFF"
            object.__setattr__(parameter, "error", (value - 0.1, value + 0.2, flag))


Xset, AllData, AllModels, Fit = Settings(), Data(), Models(), FitManager()

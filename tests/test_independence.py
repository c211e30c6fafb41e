"""Routes that check each other share no code: each runs in a process of its own where what it checks cannot be imported.

``numeric/__init__`` imports everything, so the packages are entered without it: their modules load exactly what they name.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests._tally import tally

ROOT = Path(__file__).parents[1]

# One process loads the libraries and then forks for every route, which is spared a second of loading.
DRIVER = """
import importlib, json, os, sys, types, warnings
warnings.simplefilter("error")
root, libraries, routes = json.load(sys.stdin)
sys.path.insert(0, root)
for name in libraries:
    importlib.import_module(name)

class Wall:
    def __init__(self, blocked):
        self.blocked = blocked

    def find_spec(self, name, path=None, target=None):
        if any(name == one or name.startswith(one + ".") for one in self.blocked):
            raise ImportError(f"{name} is blocked")

def enter(names):
    for name in names:
        package = types.ModuleType(name)
        package.__path__ = [root + "/" + name.replace(".", "/")]
        sys.modules[name] = package

def run(blocked, packages, code):
    enter(packages)
    sys.meta_path.insert(0, Wall(blocked))
    space = {}
    exec(code, space)
    return float(space["value"])

for name, blocked, packages, code in routes:
    sys.stdout.flush()
    if os.fork() == 0:
        try:
            outcome = run(blocked, packages, code)
        except BaseException as problem:
            outcome = f"{type(problem).__name__}: {problem}"
        print(json.dumps([name, outcome]), flush=True)
        os._exit(0)
    os.wait()
"""
PACKAGES = tuple(
    f"numeric{part}"
    for part in ("", ".laws", ".generations", ".recursions", ".fits", ".samples", ".measurements", ".plans", ".judging")
)
LIBRARIES = ("numpy", "scipy.integrate", "scipy.optimize", "scipy.linalg", "scipy.special", "scipy.spatial", "sympy", "mpmath")

THEORY = ("theory", "numeric.closed_forms")
GENERATIONS = "numeric.generations"


def of(*names: str) -> tuple[str, ...]:
    return tuple(f"{GENERATIONS}.{name}" for name in names)


EXACT = of("affine_ode", "fokker_planck", "growth", "de_bruijn", "moments", "exact_generation")
SIMULATED = of("simulate_generation", "paths", "reverse", "replicas")
SETTING = """
from numeric.generations.errors import AffineError, ConsistentError
from numeric.laws.channels import Channel, kde, mean_shift
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian, GaussianMixture
data = Gaussian(0.3, 1.4)
shift = AffineError(0.0, 0.3)
wide = ConsistentError(data, Channel(noise=0.3))
"""

# what runs, without what, and the code whose value it prints
ROUTES: dict[str, tuple[tuple[str, ...], str]] = {
    "theory": (
        ("numpy", "scipy", "numeric"),
        "import theory\nassert theory.claim('refresh').prove().status == 'proved'\n"
        "value = theory.ideal_energy(1.4, 1.7, 0, 0.02, 4.0)",
    ),
    "affine ode": (
        (*THEORY, *SIMULATED, *of("fokker_planck", "growth", "de_bruijn", "moments")),
        f"{SETTING}from numeric.generations.affine_ode import affine_generation\n"
        "value = affine_generation(data, wide, OU()).ideal_energy",
    ),
    "de Bruijn": (
        (*THEORY, *SIMULATED, *of("affine_ode", "moments")),
        f"{SETTING}from numeric.generations.de_bruijn import consistent_generation\n"
        "value = consistent_generation(data, wide, OU(), start='ideal').ideal_energy",
    ),
    "Fokker-Planck": (
        (*THEORY, *SIMULATED, *of("affine_ode", "de_bruijn", "moments", "exact_generation")),
        f"{SETTING}from numeric.generations.fokker_planck import fokker_planck_generation\n"
        "value = fokker_planck_generation(data, wide, OU()).ideal_energy",
    ),
    "simulation": (
        (*THEORY, *EXACT),
        f"{SETTING}from numeric.generations.simulate_generation import simulate_generation\n"
        "value = simulate_generation(data, shift, OU(), n=200, steps=40, rng=1).ideal_energy.value",
    ),
    "divergences": (
        (*THEORY, "numeric.laws.transport", "numeric.recursions", GENERATIONS),
        "from numeric.laws.targets import Gaussian\nfrom numeric.laws.divergences import w2\n"
        "value = w2(Gaussian(0.0, 1.0), Gaussian(1.0, 2.0))",
    ),
    "transport": (
        (*THEORY, "numeric.laws.divergences", "numeric.laws.quadrature"),
        "from numeric.laws.targets import Gaussian\nfrom numeric.laws.transport import wasserstein\n"
        "value = wasserstein([Gaussian(0.0, 1.0)], Gaussian(1.0, 2.0), 2)[0][0]",
    ),
    "exact recursion": (
        (*THEORY, "numeric.recursions.simulate_recursion", "numeric.recursions.mmd", GENERATIONS),
        "from numeric.laws.channels import mean_shift\nfrom numeric.laws.targets import Gaussian\n"
        "from numeric.recursions.exact_recursion import exact_recursion\n"
        "value = exact_recursion(Gaussian(0.0, 1.0), mean_shift(0.2), 0.5, 3).divergence[-1]",
    ),
    "mmd": (
        (*THEORY, "numeric.recursions.exact_recursion", "numeric.samples", "numeric.laws.divergences"),
        "from numeric.laws.targets import Gaussian\nfrom numeric.recursions.mmd import mmd\n"
        "value = mmd(Gaussian(0.0, 1.0), Gaussian(1.0, 1.0), bandwidth=1.0)",
    ),
    "drift of samples": (
        (*THEORY, "numeric.laws", "numeric.recursions", "numeric.judging", GENERATIONS),
        "import numpy as np\nfrom numeric.samples.sample_drift import mmd_drift\nrng = np.random.default_rng(1)\n"
        "x, y = rng.standard_normal((500, 1)), 1.0 + rng.standard_normal((500, 1))\n"
        "value = mmd_drift(x, y, rng=1, bandwidth=1.0).value ** 0.5",
    ),
    "refits": (
        (*THEORY, "numeric.judging", GENERATIONS, "numeric.recursions.exact_recursion"),
        "from numeric.laws.targets import Gaussian\nfrom numeric.fits.refits import exact_refits\n"
        "value = exact_refits(Gaussian(0.0, 1.0), 0.5, 2, n=10).fitted_variance[-1]",
    ),
    "plans": (
        (*THEORY, "numeric.judging", "numeric.recursions", GENERATIONS),
        "from numeric.plans.plan import drift_ceiling\nvalue = drift_ceiling(0.5, 0.04, generations=3)",
    ),
    "measured drift": (
        (*THEORY, "numeric.judging", GENERATIONS, "numeric.recursions.exact_recursion", "numeric.plans"),
        "from numeric.measurements.measured_drift import measured_drift\n"
        "value = measured_drift(0.5, intra_chi2=[0.04] * 3).ceiling[-1]",
    ),
    "closed forms": (
        ("numeric.laws", "numeric.recursions", "numeric.judging", "numeric.fits", GENERATIONS),
        "from numeric import closed_forms\nvalue = closed_forms.ideal_energy(1.4, 1.7, 0.0, 0.02, 4.0)",
    ),
    "closed forms of refits": (
        ("numeric.laws", "numeric.recursions", "numeric.judging", "numeric.fits", GENERATIONS),
        "from numeric import closed_forms\nvalue = closed_forms.fitted_variance(2, 0.5, 10, 1.0)",
    ),
}

# routes whose values are the same number, with the agreement that they reach
PAIRS = (
    ("theory", "affine ode", 1e-9),
    ("theory", "Fokker-Planck", 1e-6),
    ("theory", "de Bruijn", 1e-9),
    ("theory", "closed forms", 1e-11),
    ("divergences", "transport", 1e-6),
    ("refits", "closed forms of refits", 1e-10),
    ("plans", "measured drift", 1e-12),
    ("mmd", "drift of samples", 0.1),
)


def outcomes(routes: dict[str, tuple[tuple[str, ...], str]], libraries: tuple[str, ...]) -> dict[str, float | str]:
    """The value of every route where these modules cannot be imported, or what it raised."""
    asked = [(name, blocked, PACKAGES, code) for name, (blocked, code) in routes.items()]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        input=json.dumps([str(ROOT), libraries, asked]),
        capture_output=True,
        text=True,
        timeout=240,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.fixture(scope="module")
def values() -> dict[str, float]:
    bare = {name: route for name, route in ROUTES.items() if "numpy" in route[0]}
    found = outcomes(bare, ()) | outcomes({name: route for name, route in ROUTES.items() if name not in bare}, LIBRARIES)
    assert not {name: value for name, value in found.items() if isinstance(value, str)}
    tally("independence", "routes run with what they check blocked", routes=len(found))
    return {name: float(value) for name, value in found.items()}


def test_every_route_runs_alone(values: dict[str, float]) -> None:
    assert set(values) == set(ROUTES)
    assert all(value > 0.0 for value in values.values())


@pytest.mark.parametrize(("one", "other", "agreement"), PAIRS)
def test_they_agree(values: dict[str, float], one: str, other: str, agreement: float) -> None:
    assert values[one] == pytest.approx(values[other], rel=agreement)


def test_the_simulation_and_the_exact_recursion_find_what_is_known(values: dict[str, float]) -> None:
    assert values["simulation"] == pytest.approx(0.09 * 3.98, rel=1e-6)  # |0.3|² (T - t0), on paths in single precision
    mean = 0.2 * (1.0 - 0.5**3) / 0.5
    assert 0.0 < values["exact recursion"] < 2.0 * mean**2


def test_the_wall_stands() -> None:
    code = {name: ((name,), f"{SETTING}value = 1.0") for name in ("numeric.laws.targets", "numeric.laws")}
    assert outcomes(code, ()) == {
        "numeric.laws.targets": "ImportError: numeric.laws.targets is blocked",
        "numeric.laws": "ImportError: numeric.laws.channels is blocked",
    }

"""Energies of one round from densities and from scores, against each other and against exact routes that share no code."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from numeric import OU, Channel, ConsistentError, Estimate, Gaussian, GaussianMixture, exact_generation, kde, mix, paper_mixture
from numeric.experiments.round_energies import RoundEnergies, _controlled_mean, _Pooled, _Times, measure_round
from numeric.laws.blend import Blend
from numeric.laws.kernel_mixture import KernelMixture
from numeric.laws.law import Law
from numeric.laws.process import noised

Z = 6.0  # about two hundred comparisons in this file at 2e-9 each
PROCESS = OU()
TILTED = Gaussian([0.7, -0.4], [[1.0, 0.5], [0.5, 0.61]])
BUMPY = Channel(noise=[[0.3, 0.0], [0.0, 0.1]], shift=[-0.2, 0.1])
MODES = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4])
FIELDS = ("ideal_energy", "learned_energy", "kl", "reverse_kl", "chi2", "visible_energy", "observability")


def close(found: Estimate | None, value: float) -> bool:
    assert found is not None
    return abs(found.value - value) < Z * found.stderr


def agree(one: Estimate | None, other: Estimate | None, factor: float = 1.0) -> bool:
    assert one is not None
    assert other is not None
    return abs(factor * one.value - other.value) < Z * math.hypot(factor * one.stderr, other.stderr)


@pytest.mark.parametrize(
    ("target", "channel", "process", "n"),
    [
        (TILTED, BUMPY, PROCESS, 4000),
        (TILTED, BUMPY, OU(0.3, 0.9), 16000),  # a short horizon: much of M is not visible
        (MODES, kde(0.3), PROCESS, 4000),
        (MODES, Channel(gain=0.9, shift=0.1, noise=0.1), OU(0.1, 2.0), 4000),
    ],
    ids=["plane", "short", "two modes", "narrowed"],
)
def test_exact_values_and_both_routes(target: Gaussian | GaussianMixture, channel: Channel, process: OU, n: int) -> None:
    exact = exact_generation(target, ConsistentError(target, channel), process, start="learned")
    found = measure_round(target, channel(target), process, queries=n, rng=1, observed=n)
    for name in FIELDS:
        assert close(getattr(found, name), float(getattr(exact, name))), name
    assert close(found.ideal_energy_nodes, float(exact.ideal_energy))
    assert close(found.learned_energy_nodes, float(exact.learned_energy))  # type: ignore[arg-type]
    assert found.reasons == {}
    # wrong twins: without the factor 2, with KL the other way round, without the end at T
    assert not close(found.ideal_energy_nodes, 0.5 * float(exact.ideal_energy))
    assert not agree(found.ideal_energy, found.ideal_energy_nodes, 0.5)
    if abs(float(exact.learned_energy) / float(exact.ideal_energy) - 1.0) > 0.2:
        assert not agree(found.learned_energy, found.ideal_energy_nodes)
    if process.T < 1.0:
        assert not agree(found.reverse_kl, found.ideal_energy_nodes, 2.0)
        assert found.visible_energy is not None
        assert not close(found.visible_energy, float(exact.ideal_energy))  # E M_1^2 in place of E M_1 M_2
        assert float(exact.observability) < 0.9  # type: ignore[arg-type]


def finite_centres() -> tuple[Law, Law]:
    """The second round of the protocol with few points: a training law and a learned law of kernels."""
    p = paper_mixture()
    first = noised(KernelMixture(p.sample(400, rng=1), 0.36), 0.02)
    training = Blend([0.3, 0.7], [p, first])
    return training, KernelMixture(training.sample(400, rng=2), 0.36)


def test_the_two_routes_agree_on_kernels_in_ten_dimensions() -> None:
    training, learned = finite_centres()
    found = measure_round(training, learned, PROCESS, queries=3000, rng=3, workers=2)
    assert agree(found.ideal_energy, found.ideal_energy_nodes)
    assert agree(found.learned_energy, found.learned_energy_nodes)
    for one, other in ((found.ideal_energy, found.ideal_energy_nodes), (found.learned_energy, found.learned_energy_nodes)):
        assert one is not None
        assert one.stderr < 0.05 * one.value
        assert not agree(one, other, 0.5)
    assert not agree(found.learned_energy, found.ideal_energy_nodes)  # KL reversed
    narrower = KernelMixture(learned.centres, 0.2)  # type: ignore[attr-defined]
    wrong = measure_round(training, narrower, PROCESS, queries=3000, rng=3, workers=2)
    assert not agree(wrong.ideal_energy, found.ideal_energy_nodes)


def test_the_first_round_of_the_paper_in_the_population_limit() -> None:
    """Both laws factorise into a plane and eight equal coordinates, so that KL is a sum of quadratures."""
    p, learned = paper_mixture(), kde(0.6)(paper_mixture())

    def divergence(t: float) -> tuple[float, float]:
        laws = [noised(law, t) for law in (p, learned)]
        assert all(isinstance(law, GaussianMixture) for law in laws)
        plane = [GaussianMixture(law.weights, law.means[:, :2], law.covs[:, :2, :2]) for law in laws]  # type: ignore[union-attr]
        ratio = [float(law.covs[0, 9, 9]) for law in laws]  # type: ignore[union-attr]
        line = [0.5 * (a / b - 1.0 - math.log(a / b)) for a, b in (ratio, ratio[::-1])]
        grid = np.linspace(-9.0, 9.0, 241)
        nodes = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
        logs = [law.logpdf(nodes) for law in plane]
        cell = (grid[1] - grid[0]) ** 2
        flat = [float(np.sum(np.exp(logs[a]) * (logs[a] - logs[b]))) * cell for a, b in ((0, 1), (1, 0))]
        return flat[0] + 8.0 * line[0], flat[1] + 8.0 * line[1]

    ends = [divergence(t) for t in (PROCESS.t0, PROCESS.T)]
    ideal, own = (2.0 * (a - b) for a, b in zip(*ends, strict=True))
    found = measure_round(p, learned, PROCESS, queries=4000, rng=4, observed=0)
    assert close(found.ideal_energy, ideal)
    assert close(found.ideal_energy_nodes, ideal)
    assert close(found.learned_energy, own)
    assert close(found.learned_energy_nodes, own)
    assert not close(found.ideal_energy, own)
    assert 1.75 < ideal < 1.85  # beyond eps*^2 <= 1, the regime of KTV-A, Prop. 3.3


def test_equal_laws_have_no_energy() -> None:
    law = KernelMixture(paper_mixture().sample(50, rng=1), 0.36)
    found = measure_round(law, law, PROCESS, queries=64, rng=2, observed=8)
    for name in FIELDS[:-1]:
        assert getattr(found, name).value == 0.0
        assert getattr(found, name).stderr == 0.0
    assert found.observability is None
    assert "cannot be told from zero" in found.reasons["observability"]


def test_workers_nodes_and_observed_change_nothing_else() -> None:
    training, learned = finite_centres()
    all_of_it = measure_round(training, learned, PROCESS, queries=300, rng=5, observed=40, nodes=8)
    threads = measure_round(training, learned, PROCESS, queries=300, rng=5, observed=40, nodes=8, workers=3)
    assert all_of_it.to_dict() == threads.to_dict()
    little = measure_round(training, learned, PROCESS, queries=300, rng=5, nodes=0)
    assert little.to_dict()["ideal_energy"] == all_of_it.to_dict()["ideal_energy"]
    assert little.to_dict()["chi2"] == all_of_it.to_dict()["chi2"]
    assert little.visible_energy is None
    assert little.ideal_energy_nodes is None
    assert set(little.reasons) >= {"visible_energy", "observability", "ideal_energy_nodes", "learned_energy_nodes"}


def test_degenerate_weights_and_infinite_chi2_say_so() -> None:
    p = paper_mixture()
    kernels = KernelMixture(p.sample(300, rng=1), 0.36)
    found = measure_round(p, kernels, PROCESS, queries=200, rng=2, nodes=0)
    assert "effective sample size" in found.reasons["chi2"]
    wide = measure_round(Gaussian(0.0, 0.3), Gaussian(0.0, 0.9), PROCESS, queries=64, rng=2, nodes=0)
    assert wide.chi2 is not None
    assert wide.chi2.value == math.inf
    assert "eigenvalue" in wide.reasons["chi2"]
    again = RoundEnergies.from_dict(json.loads(json.dumps(wide.to_dict(), allow_nan=False)))
    assert again.to_dict() == wide.to_dict()
    assert again.chi2 == wide.chi2
    far = measure_round(Gaussian(0.0, 1.0), KernelMixture([60.0], 1.0), PROCESS, queries=64, rng=2, nodes=0)
    assert far.chi2 is None
    assert "overflows" in far.reasons["chi2"]


def test_a_record_with_other_fields_is_refused() -> None:
    record = measure_round(TILTED, BUMPY(TILTED), PROCESS, queries=64, rng=2, nodes=0).to_dict()
    assert json.loads(json.dumps(record)) == record
    del record["kl"]
    with pytest.raises(ValueError, match="'kl'"):
        RoundEnergies.from_dict(record)


@pytest.mark.parametrize("narrow", [1e-6, 0.05, 0.36, 1.0, 7.0])
def test_random_times_are_uniform_measure_on_the_horizon(narrow: float) -> None:
    times = _Times(PROCESS, narrow)
    t, length = times.draw((np.arange(200_000) + 0.5) / 200_000)
    assert math.isclose(float(length.mean()), PROCESS.T - PROCESS.t0, rel_tol=1e-4)  # int dt
    assert math.isclose(float(np.mean(length * np.exp(-t))), math.exp(-PROCESS.t0) - math.exp(-PROCESS.T), rel_tol=1e-4)
    assert np.all(np.diff(t) > 0.0)
    assert PROCESS.t0 <= t[0] < t[-1] <= PROCESS.T + 1e-9


def test_controls_shrink_the_standard_errors_and_keep_the_mean() -> None:
    """Twenty small samples: their mean is KL, their spread is the standard error, and the control was worth it."""
    q, learned = Gaussian(np.zeros(3), 1.0), Gaussian(np.zeros(3), 1.3)
    exact = 1.5 * (0.3 - math.log(1.3))
    drawn = [_Pooled.of(q, learned, 0.0, 400, np.random.default_rng(seed), 1) for seed in range(60)]
    found = [each.kl() for each in drawn]
    values, stderr = np.array([each.value for each in found]), float(np.mean([each.stderr for each in found]))
    assert abs(values.mean() - exact) < 6.0 * stderr / math.sqrt(60)
    assert 0.6 < values.std() / stderr < 1.5
    plain = float(np.mean([each.ratios[1].std() / math.sqrt(400) for each in drawn]))
    assert stderr < 0.6 * plain


def test_mixtures_that_blends_write_differently_measure_the_same() -> None:
    p = paper_mixture()
    model = noised(kde(0.6)(p), 0.02)
    one = measure_round(mix(0.5, p, model), kde(0.6)(mix(0.5, p, model)), PROCESS, queries=1500, rng=1, nodes=0)
    other = measure_round(Blend([0.5, 0.5], [p, model]), kde(0.6)(mix(0.5, p, model)), PROCESS, queries=1500, rng=2, nodes=0)
    assert agree(one.ideal_energy, other.ideal_energy)
    assert agree(one.learned_energy, other.learned_energy)


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        (ValueError, "queries", {"queries": 31}),
        (TypeError, "queries", {"queries": 64.0}),
        (ValueError, "observed", {"observed": -1}),
        (ValueError, "observed", {"observed": 3}),
        (ValueError, "nodes", {"nodes": 40}),
        (ValueError, "workers", {"workers": 0}),
        (TypeError, "process", {"process": 4.0}),
        (TypeError, "training", {"training": "data"}),
        (TypeError, "rng", {"rng": "seed"}),
        (ValueError, "learned", {"learned": Gaussian(0.0, 1.0)}),
    ],
)
def test_bad_calls_name_their_argument(kind: type[Exception], name: str, change: dict[str, object]) -> None:
    call: dict[str, object] = {"training": TILTED, "learned": TILTED, "process": PROCESS, "queries": 64, "rng": 0, **change}
    with pytest.raises(kind, match=name):
        measure_round(**call)  # type: ignore[arg-type]


def test_a_control_that_is_nearly_constant_takes_no_part() -> None:
    """Far laws: 2 tanh(log R / 2) is 2 but for a few draws, and a slope from those would be noise times a huge number."""
    rng = np.random.default_rng(5)
    part = 700.0 + rng.normal(0.0, 3.0, 400)
    flat = 2.0 - 1e-12 * rng.exponential(size=400)
    found = _controlled_mean([part, -part], [flat, -flat])
    plain = math.sqrt(2.0 * float(np.var(part, ddof=1)) / 400) / 2.0
    assert found.stderr == pytest.approx(plain, rel=1e-9)
    # a control that varies does take part
    varying = part - 700.0
    assert _controlled_mean([part, -part], [varying, -varying]).stderr < 1e-6 * plain

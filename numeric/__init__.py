"""What is measured of recursively trained diffusion models, by routes that share no code with the theory they check.

Targets and errors, one generation (exact or simulated), many generations (exact or simulated), and the checks that hold their
quantities against the claims of ``theory``. Conventions: natural logarithms; divergences take the learned law first and the
reference second; covariances and noises are variances; (n, d) arrays hold n points in d dimensions.
"""

from numeric import closed_forms
from numeric.assumptions import AssumptionValue, evaluate_assumptions
from numeric.channels import Channel, early_stopping, kde, mean_shift
from numeric.checks import check_generation, check_measurements, check_recursion, check_refits, check_samples
from numeric.closed_forms import (
    ExplicitConstants,
    bounded_constants,
    bounded_moment_constants,
    deterministic_constants,
    explicit_constants,
)
from numeric.divergences import chi2, chi2_infinite_reason, hellinger, kl, renyi, tv, w1, w2
from numeric.drift_regime import Regime, drift_regime
from numeric.errors import AffineError, BoundedError, ConsistentError, ScoreError
from numeric.estimate import Estimate
from numeric.exact_generation import exact_generation
from numeric.exact_recursion import chi2_horizon, exact_recursion, limit_law
from numeric.fit_energy import FitEnergy, fit_energy
from numeric.fresh_schedule import FreshSchedule, plan_schedule
from numeric.generation import Generation
from numeric.losses import ScoreEnergy, energy_bracket, energy_range, energy_weights, irreducible_loss, score_energy
from numeric.measured_drift import MeasuredDrift, measured_drift
from numeric.mmd import mmd, with_mmd
from numeric.noise_schedules import NoiseSchedule, edm, flow, karras_sigmas, vp, vp_cosine, vp_linear
from numeric.plan import (
    Frontier,
    drift_ceiling,
    drift_floor,
    effective_memory,
    forgetting_time,
    frontier,
    largest_energy,
    plan_fresh_fraction,
    plan_sample_size,
    sampling_energy,
)
from numeric.process import OU
from numeric.recursion import Recursion
from numeric.refits import Refits, exact_refits, simulate_refits
from numeric.sample_drift import (
    DriftEstimate,
    SampleDrift,
    chi2_drift,
    gaussian_kl_drift,
    mmd_drift,
    sample_drift,
    tv_drift,
    w1_drift,
)
from numeric.sample_quantities import SampleMeasurements, measure_samples
from numeric.simulate_generation import simulate_generation
from numeric.simulate_recursion import simulate_recursion
from numeric.targets import Gaussian, GaussianMixture, fit_target, mix, paper_mixture
from numeric.verdicts import BoundCheck, Verdict
from numeric.weighted_means import WeightedMeans, simulate_weighted_means, weighted_means
from numeric.witnesses import REFUTATIONS, Refutation, refutation

__all__ = [  # noqa: RUF022 (in reading order)
    # targets
    "Gaussian",
    "GaussianMixture",
    "fit_target",
    "paper_mixture",
    "mix",
    "OU",
    # divergences
    "chi2",
    "chi2_infinite_reason",
    "kl",
    "renyi",
    "hellinger",
    "tv",
    "w1",
    "w2",
    "mmd",
    # one generation
    "ScoreError",
    "AffineError",
    "BoundedError",
    "ConsistentError",
    "exact_generation",
    "simulate_generation",
    "Generation",
    "Estimate",
    # many generations
    "Channel",
    "early_stopping",
    "kde",
    "mean_shift",
    "exact_recursion",
    "simulate_recursion",
    "with_mmd",
    "limit_law",
    "chi2_horizon",
    "Recursion",
    # samples of unknown laws
    "sample_drift",
    "SampleDrift",
    "DriftEstimate",
    "mmd_drift",
    "w1_drift",
    "chi2_drift",
    "tv_drift",
    "gaussian_kl_drift",
    "measure_samples",
    "SampleMeasurements",
    "drift_regime",
    "Regime",
    # finite samples
    "exact_refits",
    "simulate_refits",
    "Refits",
    "fit_energy",
    "FitEnergy",
    "weighted_means",
    "simulate_weighted_means",
    "WeightedMeans",
    # recorded losses
    "score_energy",
    "ScoreEnergy",
    "irreducible_loss",
    "energy_bracket",
    "energy_range",
    "energy_weights",
    "NoiseSchedule",
    "vp",
    "vp_linear",
    "vp_cosine",
    "edm",
    "karras_sigmas",
    "flow",
    "measured_drift",
    "MeasuredDrift",
    # plans
    "plan_fresh_fraction",
    "plan_schedule",
    "FreshSchedule",
    "plan_sample_size",
    "sampling_energy",
    "drift_ceiling",
    "drift_floor",
    "largest_energy",
    "frontier",
    "Frontier",
    "effective_memory",
    "forgetting_time",
    # checks
    "check_generation",
    "check_recursion",
    "check_refits",
    "check_measurements",
    "check_samples",
    "evaluate_assumptions",
    "AssumptionValue",
    "refutation",
    "Refutation",
    "REFUTATIONS",
    "BoundCheck",
    "Verdict",
    # closed forms on arrays: the module, and the constants of one round
    "closed_forms",
    "ExplicitConstants",
    "explicit_constants",
    "bounded_moment_constants",
    "bounded_constants",
    "deterministic_constants",
]

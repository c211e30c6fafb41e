"""What is measured of recursively trained diffusion models, by routes that share no code with the theory they check.

Targets and errors, one generation (exact or simulated), many generations (exact or simulated), and the checks that hold their
quantities against the claims of ``theory``. Conventions: natural logarithms; divergences take the learned law first and the
reference second; covariances and noises are variances; (n, d) arrays hold n points in d dimensions.
"""

from numeric import closed_forms
from numeric.closed_forms import (
    ExplicitConstants,
    bounded_constants,
    bounded_moment_constants,
    deterministic_constants,
    explicit_constants,
)
from numeric.estimate import Estimate
from numeric.fits.fit_energy import FitEnergy, fit_energy
from numeric.fits.refits import Refits, exact_refits, simulate_refits
from numeric.fits.weighted_means import WeightedMeans, simulate_weighted_means, weighted_means
from numeric.generations.errors import AffineError, BoundedError, ConsistentError, ScoreError
from numeric.generations.exact_generation import exact_generation
from numeric.generations.generation import Generation
from numeric.generations.simulate_generation import simulate_generation
from numeric.judging.assumptions import AssumptionValue, evaluate_assumptions
from numeric.judging.checks import check_generation, check_measurements, check_recursion, check_refits, check_samples
from numeric.judging.sample_quantities import SampleMeasurements, measure_samples
from numeric.judging.verdicts import BoundCheck, Verdict
from numeric.judging.witnesses import REFUTATIONS, Refutation, refutation
from numeric.laws.channels import Channel, early_stopping, kde, mean_shift
from numeric.laws.divergences import chi2, chi2_infinite_reason, hellinger, kl, renyi, tv, w1, w2
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian, GaussianMixture, fit_target, mix, paper_mixture
from numeric.measurements.drift_regime import Regime, drift_regime
from numeric.measurements.losses import (
    ScoreEnergy,
    energy_bracket,
    energy_range,
    energy_weights,
    irreducible_loss,
    score_energy,
)
from numeric.measurements.measured_drift import MeasuredDrift, measured_drift
from numeric.measurements.noise_schedules import NoiseSchedule, edm, flow, karras_sigmas, vp, vp_cosine, vp_linear
from numeric.plans.fresh_schedule import FreshSchedule, plan_schedule
from numeric.plans.plan import (
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
from numeric.recursions.exact_recursion import chi2_horizon, exact_recursion, limit_law
from numeric.recursions.mmd import mmd, with_mmd
from numeric.recursions.recursion import Recursion
from numeric.recursions.simulate_recursion import simulate_recursion
from numeric.samples.sample_drift import (
    DriftEstimate,
    SampleDrift,
    chi2_drift,
    gaussian_kl_drift,
    mmd_drift,
    sample_drift,
    tv_drift,
    w1_drift,
)

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

"""What is measured of recursively trained diffusion models, by routes that share no code with the theory they check.

Targets and errors, one generation (exact or simulated), many generations (exact or simulated), and the checks that hold their
quantities against the claims of ``theory``. Conventions: natural logarithms; divergences take the learned law first and the
reference second; covariances and noises are variances; (n, d) arrays hold n points in d dimensions.
"""

from numeric.channels import Channel, early_stopping, kde, mean_shift
from numeric.checks import check_generation, check_measurements, check_recursion
from numeric.divergences import chi2, chi2_infinite_reason, hellinger, kl, renyi, tv, w1, w2
from numeric.errors import AffineError, BoundedError, ConsistentError, ScoreError
from numeric.estimate import Estimate
from numeric.exact_generation import exact_generation
from numeric.exact_recursion import chi2_horizon, exact_recursion, limit_law
from numeric.generation import Generation
from numeric.process import OU
from numeric.recursion import Recursion
from numeric.simulate_generation import simulate_generation
from numeric.simulate_recursion import simulate_recursion
from numeric.targets import Gaussian, GaussianMixture, fit_target, mix, paper_mixture
from numeric.verdicts import BoundCheck, Verdict

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
    "limit_law",
    "chi2_horizon",
    "Recursion",
    # checks
    "check_generation",
    "check_recursion",
    "check_measurements",
    "BoundCheck",
    "Verdict",
]

"""The vocabulary in which every claim is stated.

A symbol is named after the measured quantity it stands for: ``ideal_energy`` is ``Generation.ideal_energy`` in ``numeric``,
``divergence[i]`` is ``Recursion.divergence[i]``. A statement can therefore be evaluated on any case that carries the
quantities it names; nothing is translated by hand.

Conventions: natural logarithms; ``chi2`` = chi-squared(learned || ideal) = E[(R - 1)^2]; ``kl`` = KL(learned || ideal).
``i`` is a round, 0 <= i < N, and leads from p^i to p^{i+1}; ``N`` is a number of rounds.
"""

from __future__ import annotations

from typing import Final

import sympy as sp

# --- one generation (fields of numeric.Generation) -------------------------------------------------------------------
ideal_energy = sp.Symbol("ideal_energy", nonnegative=True)  # eps*^2 = E_{P*} V
learned_energy = sp.Symbol("learned_energy", nonnegative=True)  # epŝ^2 = E_{P^} V
path_chi2 = sp.Symbol("path_chi2", nonnegative=True)  # X = E_{P*} e^{2Z} - 1
visible_energy = sp.Symbol("visible_energy", nonnegative=True)  # H = eta eps*^2 = Var E[M | Y_t0]
observability = sp.Symbol("observability", nonnegative=True)  # eta
chi2 = sp.Symbol("chi2", nonnegative=True)  # I = chi2(p^ || q_t0)
kl = sp.Symbol("kl", nonnegative=True)  # KL(p^ || q_t0)
reverse_kl = sp.Symbol("reverse_kl", nonnegative=True)  # KL(q_t0 || p^)
remainder = sp.Symbol("remainder", nonnegative=True)  # E(e^Z - 1 - M)^2 = X - 2 epŝ^2 + eps*^2
gradient_energy = sp.Symbol("gradient_energy", nonnegative=True)  # int E_{p^_t} |Pi_t e_t|^2 dt
sup_energy = sp.Symbol("sup_energy", nonnegative=True)  # Lambda with V <= Lambda almost surely
visible_gap = sp.Symbol("visible_gap", nonnegative=True)  # (E_{p^} phi - E_q phi)^2 / Var_q phi, phi = E[M | Y_t0]
moment_constant = sp.Symbol("moment_constant", nonnegative=True)  # C' of sandwich-moments
moment_order = sp.Symbol("moment_order", positive=True)  # delta of A3, delta > 1
energy_order = sp.Symbol("energy_order", positive=True)  # gamma of A4, gamma >= 4/(delta - 1)
weight_moment = sp.Symbol("weight_moment", positive=True)  # K_delta >= E_{P*} e^{(1 + delta) Z}
energy_moment = sp.Symbol("energy_moment", positive=True)  # K_gamma >= E_{P*} V^{2+gamma} / eps*^{2(2+gamma)}
scaled_chi2 = sp.IndexedBase("scaled_chi2", nonnegative=True)  # I of the N-th part of the error, e/N, index N >= 1
initial_kl = sp.Symbol("initial_kl", nonnegative=True)  # KL(start of the learned process || q_T); 0 where both start from q_T

# --- many generations (fields of numeric.Recursion) ------------------------------------------------------------------
N = sp.Symbol("N", integer=True, positive=True)
i = sp.Symbol("i", integer=True, nonnegative=True)
j = sp.Symbol("j", integer=True, nonnegative=True)
k = sp.Symbol("k", integer=True, positive=True)
alpha = sp.Symbol("alpha", positive=True)  # a constant fresh fraction, 0 < alpha <= 1
fresh_fraction = sp.IndexedBase("fresh_fraction", nonnegative=True)  # alpha_i, (N,)
divergence = sp.IndexedBase("divergence", nonnegative=True)  # D_i = chi2(p^i || p), (N+1,)
mixed = sp.IndexedBase("mixed", nonnegative=True)  # chi2(q_i || p), (N,)
innovation = sp.IndexedBase("innovation", nonnegative=True)  # J_i = |g_i|, not squared, (N,)
intra = sp.IndexedBase("intra", nonnegative=True)  # I_i = chi2(p^{i+1} || q_i), (N,)
gram = sp.IndexedBase("gram", real=True)  # <g_i, g_j> in L^2(p), (N, N)
initial_gram = sp.IndexedBase("initial_gram", real=True)  # <f_0, g_i>, (N,)
weights = sp.IndexedBase("weights", nonnegative=True)  # W_{iN} of the last generation, (N,)
discounted_sum = sp.IndexedBase("discounted_sum", nonnegative=True)  # S_i, (N+1,)
max_divergence = sp.IndexedBase("max_divergence", nonnegative=True)  # max_{j<=i} D_j, (N+1,)
max_discounted_sum = sp.IndexedBase("max_discounted_sum", nonnegative=True)  # max_{j<=i} S_j, (N+1,)
ratio_sup = sp.IndexedBase("ratio_sup", nonnegative=True)  # sup_x q_i(x)/p(x), (N,)
ideal_energies = sp.IndexedBase("ideal_energies", nonnegative=True)  # eps*_i^2, (N,)
learned_energies = sp.IndexedBase("learned_energies", nonnegative=True)  # epŝ_i^2, (N,)
observabilities = sp.IndexedBase("observabilities", nonnegative=True)  # eta_i, (N,)
constant_innovation = sp.Symbol("constant_innovation", positive=True)  # J where J_i = J for every i
accumulates = sp.Symbol("accumulates", nonnegative=True)  # 1 where each round trains on all earlier data, else 0
overlap = sp.Symbol("overlap", real=True)  # c where <g_i, g_j> = c J^2 for i != j (replace, accumulate)
decay = sp.Symbol(
    "decay", real=True
)  # c where <g_i, g_j> = c^|i-j| J^2 (interference); 1 coherent, -1 alternating, 0 orthogonal

# divergences before and after one mixing with fresh data (1-D): distance of p^i from p, and of q_i from p
tv = sp.IndexedBase("tv", nonnegative=True)
mixed_tv = sp.IndexedBase("mixed_tv", nonnegative=True)
w1 = sp.IndexedBase("w1", nonnegative=True)
mixed_w1 = sp.IndexedBase("mixed_w1", nonnegative=True)
w2 = sp.IndexedBase("w2", nonnegative=True)
mixed_w2 = sp.IndexedBase("mixed_w2", nonnegative=True)
accumulated_kl = sp.IndexedBase("accumulated_kl", nonnegative=True)  # KL(p^i || p), (N+1,)
mixed_kl = sp.IndexedBase("mixed_kl", nonnegative=True)
hellinger = sp.IndexedBase("hellinger", nonnegative=True)  # Hellinger distance, not squared
mixed_hellinger = sp.IndexedBase("mixed_hellinger", nonnegative=True)
smoothing_tv = sp.IndexedBase("smoothing_tv", nonnegative=True)  # TV(q_{i,t0}, q_i), (N,)
mmd = sp.IndexedBase("mmd", nonnegative=True)  # MMD(p^i, p), not squared, (N+1,)
mixed_mmd = sp.IndexedBase("mixed_mmd", nonnegative=True)  # MMD(q_i, p), (N,)
smoothing_mmd = sp.IndexedBase("smoothing_mmd", nonnegative=True)  # MMD(q_{i,t0}, q_i), (N,)
kernel_range = sp.Symbol("kernel_range", positive=True)  # sup k - inf k of the kernel of that MMD; 1 for a Gaussian kernel
endpoint_mmd = sp.IndexedBase("endpoint_mmd", nonnegative=True)  # MMD(p^{i+1}, q_{i,t0}); inside proofs only
endpoint_tv = sp.IndexedBase("endpoint_tv", nonnegative=True)  # TV(p^{i+1}, q_{i,t0}); Generation-level, inside proofs only
endpoint_kl = sp.IndexedBase("endpoint_kl", nonnegative=True)  # KL(p^{i+1} || q_{i,t0}); inside proofs only

bias = sp.Symbol("bias", positive=True)  # the additive constant C_bias of KTV-A, Thm 4.2; any positive number
ratio = sp.Symbol("ratio", positive=True)  # a comparison constant, any positive number
horizon = sp.Symbol("horizon", integer=True, positive=True)  # first N with D_N = +inf
variance = sp.Symbol("variance", positive=True)  # sigma^2 of the target N(m, sigma^2)
noise = sp.Symbol("noise", positive=True)  # variance h^2 that the channel adds each round

# --- finite samples (refitting a Gaussian, or an affine score, on n points) ------------------------------------------
sample_size = sp.Symbol("sample_size", integer=True, positive=True)  # n, the number of points of one round
fresh_count = sp.IndexedBase("fresh_count", integer=True, nonnegative=True)  # fresh points of round i, alpha_i n, (N,)
fresh_count_variance = sp.IndexedBase("fresh_count_variance", nonnegative=True)  # variance of that number, 0 if fixed, (N,)
mean_error = sp.IndexedBase("mean_error", nonnegative=True)  # s_i = E (m_i - m)^2 of the fitted means, (N+1,)
fitted_variance = sp.IndexedBase("fitted_variance", nonnegative=True)  # v_i = E sigma_i^2 of the fitted 1/n variances, (N+1,)
degrees = sp.Symbol("degrees", integer=True, positive=True)  # n - 1, the degrees of freedom of a fitted variance
typical_rate = sp.IndexedBase("typical_rate", real=True)  # E log(sigma_{i+1}^2 / sigma_i^2) without fresh data, by n
dimension = sp.Symbol("dimension", integer=True, positive=True)  # d of the target
eigenvalue = sp.IndexedBase("eigenvalue", positive=True)  # lambda_j of the covariance of the target, (d,)
last_signal = sp.Symbol("last_signal", positive=True)  # u_0 = exp(-t0), where the learned process stops
first_signal = sp.Symbol("first_signal", nonnegative=True)  # u_T = exp(-T), where it starts
sample_energy = sp.Symbol("sample_energy", nonnegative=True)  # E of eps*^2 of a fit on n points to 2nd order in its error
stationary_error = sp.Symbol("stationary_error", nonnegative=True)  # stationary s in units of sigma^2/n, n fresh points
synthetic_ratio = sp.Symbol("synthetic_ratio", positive=True)  # kappa, synthetic points per fresh one
best_weight = sp.Symbol("best_weight", positive=True)  # the weight on the fresh points with the least stationary error

# --- limits: early stopping, the limit law p^oo, annealing --------------------------------------------------------------
# p^{i+1} = OU_t0(q_i), q_i = alpha p + (1 - alpha) p^i; a linear reading is the integral of one fixed test function
early_time = sp.Symbol("early_time", nonnegative=True)  # t0, the same in every round
early_times = sp.IndexedBase("early_times", nonnegative=True)  # t0_i of an annealed schedule, (N,)
largest_time = sp.Symbol("largest_time", nonnegative=True)  # an upper bound of the t0_i
order = sp.Symbol("order", integer=True, nonnegative=True)  # order of a Hermite coefficient relative to N(0, I)
hermite = sp.IndexedBase("hermite", real=True)  # c_k of p^i, (N+1, orders)
mixed_hermite = sp.IndexedBase("mixed_hermite", real=True)  # c_k of q_i, (N, orders)
hermite_data = sp.IndexedBase("hermite_data", real=True)  # c_k of p, (orders,)
hermite_limit = sp.IndexedBase("hermite_limit", real=True)  # c_k of p^oo, (orders,)
second_moment = sp.IndexedBase("second_moment", nonnegative=True)  # E|x|^2 under p^i, (N+1,)
mixed_moment = sp.IndexedBase("mixed_moment", nonnegative=True)  # E|x|^2 under q_i, (N,)
second_moment_data = sp.Symbol("second_moment_data", nonnegative=True)  # E|x|^2 under p
second_moment_limit = sp.Symbol("second_moment_limit", nonnegative=True)  # E|x|^2 under p^oo
smoothed = sp.IndexedBase("smoothed", real=True)  # linear reading of OU_{m t0} p^i, index (m, i)
smoothed_mixture = sp.IndexedBase("smoothed_mixture", real=True)  # linear reading of OU_{m t0} q_i, index (m, i)
noised_mixture = sp.IndexedBase("noised_mixture", real=True)  # linear reading of OU_{t0_i} q_i, (N,)
smoothed_data = sp.IndexedBase("smoothed_data", real=True)  # linear reading of OU_{m t0} p, index m
smoothed_limit = sp.IndexedBase("smoothed_limit", real=True)  # linear reading of OU_{m t0} p^oo, index m
limit_tv = sp.IndexedBase("limit_tv", nonnegative=True)  # TV(p^i, p^oo), (N+1,)
limit_w1 = sp.IndexedBase("limit_w1", nonnegative=True)  # W1(p^i, p^oo), (N+1,)
limit_w2 = sp.IndexedBase("limit_w2", nonnegative=True)  # W2(p^i, p^oo), (N+1,)
noised_limit_tv = sp.IndexedBase("noised_limit_tv", nonnegative=True)  # TV(OU_t0 q_i, p^oo); inside proofs only
noised_limit_w2 = sp.IndexedBase("noised_limit_w2", nonnegative=True)  # W2(OU_t0 q_i, p^oo); inside proofs only
endpoint_reverse_kl = sp.IndexedBase("endpoint_reverse_kl", nonnegative=True)  # KL(q_{i,t0} || p^{i+1}); inside proofs only
data_smoothing_tv = sp.IndexedBase("data_smoothing_tv", nonnegative=True)  # TV(OU_{t0_i} p, p), (N,)
round_w2 = sp.IndexedBase("round_w2", nonnegative=True)  # W2(p^{i+1}, OU_t0 q_i), (N,)
round_error = sp.Symbol("round_error", nonnegative=True)  # delta, an upper bound of the round_w2
w2_rate = sp.Symbol("w2_rate", nonnegative=True)  # sqrt(1 - alpha) e^{-t0/2}

LATEX: Final[dict[sp.Basic, str]] = {
    ideal_energy: r"\varepsilon_*^2",
    learned_energy: r"\hat\varepsilon^2",
    path_chi2: "X",
    visible_energy: r"\eta\varepsilon_*^2",
    observability: r"\eta",
    chi2: "I",
    kl: r"\mathrm{KL}(\hat p\,\|\,q_{t_0})",
    reverse_kl: r"\mathrm{KL}(q_{t_0}\|\,\hat p)",
    remainder: "r^2",
    gradient_energy: r"\hat\varepsilon_\nabla^2",
    sup_energy: r"\Lambda",
    visible_gap: r"G_\varphi",
    moment_constant: "C'",
    moment_order: r"\delta",
    energy_order: r"\gamma",
    weight_moment: r"K_\delta",
    energy_moment: r"K_\gamma",
    scaled_chi2: "I^{e/N}",
    initial_kl: r"\mathrm{KL}(\hat p_T\|\,q_T)",
    alpha: r"\alpha",
    constant_innovation: "J",
    accumulates: r"\mathbf{1}_{\mathrm{acc}}",
    overlap: "c",
    decay: "c",
    horizon: r"N_\infty",
    variance: r"\sigma^2",
    noise: "h^2",
    fresh_fraction: r"\alpha",
    divergence: "D",
    mixed: "D^{q}",
    innovation: "J",
    intra: "I",
    gram: "G",
    initial_gram: "G^{0}",
    weights: "W",
    discounted_sum: "S",
    max_divergence: r"\bar D",
    max_discounted_sum: r"\bar S",
    ratio_sup: r"\sup(q/p)",
    ideal_energies: r"\varepsilon^2_{*}",
    learned_energies: r"\hat\varepsilon^2",
    observabilities: r"\eta",
    tv: r"\mathrm{TV}(p)",
    mixed_tv: r"\mathrm{TV}(q)",
    w1: r"W_1(p)",
    mixed_w1: r"W_1(q)",
    w2: r"W_2(p)",
    mixed_w2: r"W_2(q)",
    accumulated_kl: r"\mathrm{KL}(p)",
    mixed_kl: r"\mathrm{KL}(q)",
    hellinger: r"H(p)",
    mixed_hellinger: r"H(q)",
    endpoint_tv: r"\mathrm{TV}^{\mathrm{end}}",
    endpoint_kl: r"\mathrm{KL}^{\mathrm{end}}",
    bias: r"C_{\mathrm{bias}}",
    ratio: "K",
    smoothing_tv: r"\mathrm{TV}^{t_0}",
    mmd: r"\mathrm{MMD}(p)",
    mixed_mmd: r"\mathrm{MMD}(q)",
    smoothing_mmd: r"\mathrm{MMD}^{t_0}",
    kernel_range: r"\Delta_k",
    endpoint_mmd: r"\mathrm{MMD}^{\mathrm{end}}",
    # finite samples
    sample_size: "n",
    fresh_count: "n^{\\mathrm{fresh}}",
    fresh_count_variance: r"\mathrm{Var}\,n^{\mathrm{fresh}}",
    degrees: r"\nu",
    mean_error: "s",
    fitted_variance: "v",
    typical_rate: "r",
    dimension: "d",
    eigenvalue: r"\lambda",
    last_signal: "u_0",
    first_signal: "u_T",
    sample_energy: r"\mathbb{E}\,\varepsilon_*^2",
    stationary_error: r"s_\infty",
    synthetic_ratio: r"\kappa",
    best_weight: r"\alpha_\star",
    # limits
    early_time: "t_0",
    early_times: "t_0",
    largest_time: r"\bar t_0",
    order: "k",
    hermite: r"c^{p}",
    mixed_hermite: r"c^{q}",
    hermite_data: "c",
    hermite_limit: r"c^{\infty}",
    second_moment: "M",
    mixed_moment: "M^{q}",
    second_moment_data: r"M_{\mathrm{data}}",
    second_moment_limit: r"M^{\infty}",
    smoothed: r"\mathrm{OU}p",
    smoothed_mixture: r"\mathrm{OU}q",
    noised_mixture: r"\mathrm{OU}_{t_0}q",
    smoothed_data: r"\mathrm{OU}p_{\mathrm{data}}",
    smoothed_limit: r"\mathrm{OU}p^{\infty}",
    limit_tv: r"\mathrm{TV}^{\infty}",
    limit_w1: r"W_1^{\infty}",
    limit_w2: r"W_2^{\infty}",
    noised_limit_tv: r"\mathrm{TV}^{\infty,q}",
    noised_limit_w2: r"W_2^{\infty,q}",
    endpoint_reverse_kl: r"\mathrm{KL}^{\mathrm{rev}}",
    data_smoothing_tv: r"\mathrm{TV}^{t_0}_{\mathrm{data}}",
    round_w2: r"W_2^{\mathrm{round}}",
    round_error: r"\delta",
    w2_rate: "r",
}
"""How each symbol is printed in LaTeX."""

__all__ = [
    "LATEX",
    *sorted(name for name, value in globals().items() if isinstance(value, (sp.Symbol, sp.IndexedBase))),
]

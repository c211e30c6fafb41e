"""The public face of ``theory``: what is listed, how it is looked up, and what it does not load."""

from __future__ import annotations

import importlib.resources
import types

import pytest

import theory

ONE_GENERATION = (
    "girsanov-kl", "girsanov-reverse-kl", "path-chi2", "observability-lower", "observability-upper", "sandwich",
    "sandwich-bounded", "sandwich-moments", "visible-lower", "impossibility", "leading-order", "gradient-kl",
)  # fmt: skip
MANY_GENERATIONS = (
    "refresh", "discounted-identity", "discounted-sum", "interference", "two-sided-max", "triangle", "innovation-vs-intra",
    "consecutive-floor", "persistent", "persistent-v1", "thm42-display", "no-pointwise-floor", "tv-discount",
    "mmd-discount", "memory-identity", "replace", "accumulate", "divergence-table", "chi2-horizon",
)  # fmt: skip
CLOSED_FORMS = (
    "ideal_energy", "learned_energy", "chi2_gaussian", "kl_gaussian", "discounted_sum", "triangle_bound", "interference",
    "hermite_gain", "davis_constant", "finite_sample_step",
)  # fmt: skip


def test_claims_are_listed_in_reading_order() -> None:
    ids = [claim.id for claim in theory.claims()]
    assert len(set(ids)) == len(ids)
    position = {name: place for place, name in enumerate(ids)}
    assert set(ONE_GENERATION) <= position.keys()
    assert set(MANY_GENERATIONS) <= position.keys()
    assert max(position[name] for name in ONE_GENERATION) < min(position[name] for name in MANY_GENERATIONS)
    assert theory.claims() is not None
    assert isinstance(theory.claims(), tuple)


def test_every_true_claim_has_a_mutant_and_ids_are_unique() -> None:
    ids = [claim.id for claim in theory.claims()]
    for claim in theory.claims():
        assert claim.mutants or claim.expected == "false", claim.id
        ids += [mutant.id for mutant in claim.mutants]
    assert len(set(ids)) == len(ids)


def test_a_claim_is_found_by_its_id() -> None:
    for claim in theory.claims():
        assert theory.claim(claim.id) is claim
        for mutant in claim.mutants:
            assert theory.claim(mutant.id) is mutant


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("sandwhich", "sandwich"), ("girsanov", "girsanov-kl"), ("refreshed", "refresh"), ("TWO-SIDED-MAX", "two-sided-max")],
)
def test_an_unknown_id_names_the_closest(wrong: str, near: str) -> None:
    with pytest.raises(KeyError, match=f"'{wrong}'.*{near}"):
        theory.claim(wrong)


def test_an_id_must_be_a_string() -> None:
    with pytest.raises(TypeError, match="id must be a string"):
        theory.claim(3)  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="closest"):
        theory.claim("")


def test_all_is_complete_and_documented() -> None:
    assert len(set(theory.__all__)) == len(theory.__all__)
    assert set(CLOSED_FORMS) <= set(theory.__all__)
    for name in theory.__all__:
        assert getattr(theory, name).__doc__, name
    public = {
        name for name, value in vars(theory).items() if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert public - {"annotations", "get_close_matches", "lru_cache"} <= set(theory.__all__)


def test_the_package_is_typed() -> None:
    assert importlib.resources.files("theory").joinpath("py.typed").is_file()

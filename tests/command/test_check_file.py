"""``driftbound check FILE`` as a user meets it: from the example to verdicts, figure and report; stumbles in one line."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pytest

from numeric import check_measurements
from numeric.command.formable import MEASURABLE, formable, next_columns
from numeric.command.main import main

NOT_KNOWN = "is not known to hold"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(list(arguments))
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def table(folder: Path, text: str) -> str:
    path = folder / "m.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_example_holds_and_leaves_report_and_figure(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, text, _ = run(capsys, "check", "--example")
    assert status == 0
    example = table(tmp_path, text)
    status, out, err = run(capsys, "check", example, "--alpha", "0.2", "--out", str(tmp_path / "out"))
    assert (status, err) == (0, "")
    for said in ("max(D_N-1, D_N)", "leading order", "girsanov-kl", "sandwich", "within: errors cancel", " HOLDS"):
        assert said in out
    assert "VIOLATED" not in out
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    counts = {row["claim"]: row["verdicts"] for row in report["claims"]}
    assert report["exit_status"] == 0
    assert len(report["checks"]) == sum(sum(verdicts.values()) for verdicts in counts.values())
    for claim in ("girsanov-kl", "path-chi2", "sandwich", "leading-order", "consecutive-floor"):
        assert counts[claim]["HOLDS"] == 8
    assert len(report["drift"]["position"]) == 8
    assert (tmp_path / "out" / "measurements.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["measurements.png", "report.html", "report.json"]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for said in (
        "Every claim that these measurements decide holds",
        "<svg",
        "consecutive-floor",
        "driftbound check m.csv --alpha 0.2",
    ):
        assert said in page
    assert "://" not in page.replace("http://www.w3.org", "")  # nothing is fetched


def test_json_is_the_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = table(tmp_path, "learned_energy,intra_kl\n0.05,0.02\n0.04,0.03\n")
    status, out, err = run(capsys, "check", path, "--alpha", "0.1,0.3", "--json", "--out", str(tmp_path / "out"))
    assert (status, err) == (1, "")
    assert json.loads(out) == json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert json.loads(out)["alpha"] == [0.1, 0.3]
    assert json.loads(out)["claims"][0]["remark"].startswith("generation 1: kl = 0.03")


def test_violations_and_details_are_shown_in_full(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = table(tmp_path, "learned_energy,intra_kl\n0.05,0.02\n0.04,0.03\n")
    status, out, _ = run(capsys, "check", path, "--alpha", "0.2")
    assert status == 1
    assert "kl = 0.03 against <= 0.02" in out
    assert "0.025" not in out
    _, out, _ = run(capsys, "check", path, "--alpha", "0.2", "--details")
    assert "0.025" in out


def test_drift_above_the_ceiling_is_explained(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = table(tmp_path, "ideal_energy,divergence,divergence_stderr\n0.01,0.02,0.001\n0.01,,\n0.012,0.4,0.01\n")
    status, out, _ = run(capsys, "check", path, "--alpha", "0.2")
    assert status == 3  # nothing is decided: the ceiling is leading order, no verdict rests on it
    assert "above the ceiling" in out
    assert "the energies miss a part" in out
    assert "With intra_chi2 beside these columns also: consecutive-floor" in out


def test_other_mixings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = table(tmp_path, "ideal_energy,observability,learned_energy,intra_kl,divergence\n" + "0.01,1,0.01,0.005,0.02\n" * 6)
    found = {}
    for alpha in ("0.3", "0.5@3", "0.1,0,0,0,0,0.1", "accumulate", "replace"):
        status, out, _ = run(capsys, "check", path, "--alpha", alpha, "--json")
        assert status == 0
        found[alpha] = json.loads(out)["drift"]["ceiling"][-1]
    roots = {"0.3": sum(0.7**k for k in range(6)), "0.5@3": 1 + 0.5 + 0.5 + 0.5 + 0.25 + 0.25, "replace": 6.0}
    roots |= {"accumulate": 1 + sum(1 / k for k in range(2, 7)), "0.1,0,0,0,0,0.1": 1 + 5 * 0.9}
    for alpha, root in roots.items():
        assert found[alpha] == pytest.approx(0.01 * root**2), alpha


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("energy\n0.1\n", (), "did you mean ideal_energy or learned_energy?"),
        ("divergance\n0.1\n", (), "did you mean divergence"),
        ("Eta\n0.1\n", (), "did you mean observability?"),
        ("chi2\n0.1\n", (), "divergence (against the data) or intra_chi2 (of one round)"),
        ("intra_kl,intra_kl_sem\n1,1\n", (), "a standard error goes into intra_kl_stderr"),
        (",divergence\n0,0.1\n", (), "did you mean generation?"),
        ("alpha|divergence\n0.1|0.2\n", (), "'alpha|divergence' is not known"),
        ("generation,divergence\n0,0.1\n2,0.1\n", (), "must count up by one, got 2 after 0 in row 2"),
        ("divergence,intra_kl\n,0.1\n,0.1\n", (), "column divergence must hold at least one number"),
        ("divergence\nnan\n", (), "leave cells empty where nothing was measured"),
        (
            "divergence,divergence_stderr\n0.1,\n",
            (),
            "row 1, column divergence_stderr must be a number where divergence is one",
        ),
        ("divergence,divergence_stderr\n,0.1\n0.1,0.1\n", (), "row 1, column divergence must be a number where"),
        ("alpha,divergence\n,0.1\n", (), "column alpha must be a number"),
        ("divergence\n0.1\n", (), "must have a column alpha, or --alpha"),
        ("divergence\n0.1\n", ("--alpha", "0.1,0.2"), "--alpha must have one entry per row"),
        ("alpha,divergence\n0.2,0.1\n", ("--alpha", "0.3"), "--alpha must agree with the column alpha"),
        ("alpha,divergence\n0.2,0.1\n", ("--alpha", "replace"), "--alpha must agree with the column alpha"),
        ("alpha\n0.2\n", (), "at least one column"),
        ("divergence\n0.1\n", ("--alpha", "2"), "alpha must be in [0, 1]"),
        ("divergence\n0.1\n", ("--alpha", "0.1", "--samples", "a.npy"), "not both"),
        ("divergence\n0.1\n", ("--alpha", "0.1", "--confidence", "1"), "confidence must be"),
    ],
)
def test_stumbles_end_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path, text, options, said) -> None:
    status, out, err = run(capsys, "check", table(tmp_path, text), *options)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = table(tmp_path, "divergence\n0.1\n")
    for folder in (path, f"{path}/deeper"):
        status, out, err = run(capsys, "check", path, "--alpha", "0.1", "--out", folder)
        assert (status, out) == (2, "")
        assert err.startswith("driftbound: --out must be a folder that can be written, got ")
        assert err.count("\n") == 1


def test_the_last_line_counts_what_was_decided(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = table(tmp_path, "ideal_energy,divergence\n0.03,0.02\n0.04,0.03\n")
    status, out, _ = run(capsys, "check", path, "--alpha", "0.2")
    assert status == 3
    assert out.splitlines()[-1] == "No claim is decided: each speaks of something that was not measured."
    path = table(tmp_path, "learned_energy,intra_kl,ideal_energy,divergence\n0.05,0.02,0.05,0.1\n")
    status, out, _ = run(capsys, "check", path, "--alpha", "0.2")
    assert (status, out.splitlines()[-1]) == (0, "1 HOLDS")


def test_help_explains_units(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "check", "--help")
    assert status == 0
    for said in ("raw", "summed over", "score_energy", "NAME_stderr", "--example", "Learned law first"):
        assert said in out
    for column in MEASURABLE:
        assert column in out


COLUMNS = {  # one round that some model could have, for every column
    "ideal_energy": [0.01408, 0.01062],
    "learned_energy": [0.01408, 0.01062],
    "observability": [0.9975, 0.9975],
    "path_chi2": [0.0142, 0.0107],
    "intra_chi2": [0.01414, 0.01065],
    "intra_kl": [0.00702, 0.0053],
    "divergence": [0.0142, 0.0398],
    "mmd": [0.04, 0.06],
    "smoothing_mmd": [0.001, 0.001],
}


@pytest.mark.parametrize(("alpha", "kinds"), [(0.2, (True, True)), ([0.2, 0.3], (True, False)), ("accumulate", (False, False))])
def test_what_is_said_to_be_formable_is_what_is_checked(alpha, kinds) -> None:
    """Over sets of one to three columns: the ids that checks decide are the ids promised."""
    sets = [pair for count in (1, 2, 3) for pair in combinations(MEASURABLE, count) if count < 3 or pair[-1] == "divergence"]
    for columns in [*sets[:: 5 if kinds[1] else 9], MEASURABLE]:
        given = {name: COLUMNS[name] for name in columns}
        decided = {check.claim for check in check_measurements(alpha, **given) if NOT_KNOWN not in check.detail}
        assert decided == set(formable(columns, fresh_fraction=kinds[0], constant=kinds[1])), columns


def test_further_columns_bring_what_they_promise() -> None:
    assert next_columns(["intra_kl"]) == {("learned_energy",): ("girsanov-kl",)}
    assert "consecutive-floor" in next_columns(["divergence"])[("intra_chi2",)]
    assert next_columns(MEASURABLE) == {}


def test_a_chi2_against_the_noised_law_violates_no_floor_and_one_against_the_training_law_does(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "rounds.csv"
    path.write_text("intra_chi2,divergence\n1.3,1e-9\n1.3,1e-9\n", encoding="utf-8")
    verdicts = []
    for further in ((), ("--intra-unnoised",)):
        main(["check", str(path), "--alpha", "0.5", "--json", *further])
        content = json.loads(capsys.readouterr().out)
        assert content["arguments"]["intra_unnoised"] == bool(further)
        verdicts.append({one["verdict"] for one in content["checks"] if one["claim"] == "consecutive-floor"})
    assert verdicts == [{"INCONCLUSIVE"}, {"VIOLATED"}]

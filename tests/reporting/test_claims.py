"""Verdicts on claims: contrasts by seed, per dataset, from the scores of several experiments."""

import fnmatch
import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from scipy.integrate import quad
from scipy.special import ndtr

from meshcil.config.claims import Claim, ClaimsSettings, Term, load_claims
from meshcil.config.variants import method_names
from meshcil.core.errors import InputError
from meshcil.core.naming import available
from meshcil.reporting.claims import behind, claims_table, counts, judge, measured, sources_view, verdicts
from meshcil.reporting.lookup import Lookup
from meshcil.reporting.reproducibility import _section
from meshcil.reporting.scores import read_scores

ROOT = Path(__file__).parents[2]
INEMO = Term(metric="last_accuracy", select={"method": ("inemo",)})
ICARL = Term(weight=-1, metric="last_accuracy", select={"method": ("icarl",)})
WORDS = {"statement": "It is better.", "where": "abstract", "published": "2 to 6 points"}
BETTER = Claim(name="better", terms=(INEMO, ICARL), by=("budget",), **WORDS)
PAPER = ClaimsSettings(source="A paper", url="https://example.org", claims=(BETTER, Claim(name="other", **WORDS)))
SEEDS = (0, 1, 2)


@pytest.fixture
def three(scores_of: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Two methods, two budgets, three seeds; values and steps as `read_scores` gives them."""
    runs = [(m, f"total-{n}", s) for m in ("inemo", "icarl") for n in (24, 96) for s in SEEDS]
    return scores_of(*runs)


def value(scores: pd.DataFrame, method: str, budget: str, seed: int) -> float:
    chosen = (scores["method"] == method) & (scores["budget"] == budget) & (scores["seed"] == seed)
    return float(scores[chosen & (scores["metric"] == "last_accuracy")]["value"].iloc[0])


def test_a_contrast_is_the_mean_of_differences_of_the_same_seed(three: pd.DataFrame) -> None:
    found = judge(BETTER, Lookup(three))
    assert set(found) == {"primitives3d, 2-2-2, total-24", "primitives3d, 2-2-2, total-96"}
    differences = [value(three, "inemo", "total-96", s) - value(three, "icarl", "total-96", s) for s in SEEDS]
    assert found["primitives3d, 2-2-2, total-96"].mean == pytest.approx(100 * sum(differences) / 3)
    assert found["primitives3d, 2-2-2, total-96"].verdict == "holds"


def test_a_seed_that_lacks_a_term_does_not_count(three: pd.DataFrame) -> None:
    part = three[~((three["method"] == "icarl") & (three["seed"] == 2) & (three["budget"] == "total-24"))]
    found = judge(BETTER, Lookup(part))
    assert found["primitives3d, 2-2-2, total-24"].count == 2
    assert found["primitives3d, 2-2-2, total-24"].verdict == "not decided"


def test_the_claim_that_goes_the_other_way_does_not_hold(three: pd.DataFrame) -> None:
    worse = BETTER.model_copy(
        update={"terms": (INEMO.model_copy(update={"weight": -1}), ICARL.model_copy(update={"weight": 1}))}
    )
    assert judge(worse, Lookup(three))["primitives3d, 2-2-2, total-96"].verdict == "does not hold"


def test_networks_from_imagenet_are_not_compared_with_others(three: pd.DataFrame) -> None:
    both = pd.concat([three, three.assign(method=three["method"] + "-pretrained")], ignore_index=True)
    every = BETTER.model_copy(
        update={
            "terms": (
                INEMO.model_copy(update={"select": {"method": ("inemo*",)}}),
                ICARL.model_copy(update={"select": {"method": ("icarl*",)}}),
            )
        }
    )
    found, alone = judge(every, Lookup(both)), judge(BETTER, Lookup(three))
    assert found == alone | {f"{data}, from ImageNet": result for data, result in alone.items()}
    other = ICARL.model_copy(update={"select": {"method": ("icarl-pretrained",)}})
    assert judge(BETTER.model_copy(update={"terms": (INEMO, other)}), Lookup(both)) == {}


def test_the_best_method_is_the_one_with_the_best_mean_over_seeds(three: pd.DataFrame) -> None:
    both = Term(metric="last_accuracy", select={"method": ("inemo", "icarl"), "budget": ("total-96",)}, over="best")
    of_one = (three["method"] == "icarl") & (three["seed"] == 1) & (three["metric"] == "last_accuracy")
    ahead_once = three.assign(value=three["value"].mask(of_one, 0.99))
    expected = {s: value(three, "inemo", "total-96", s) for s in SEEDS}
    assert measured(both, Lookup(ahead_once).rows(both), ["protocol", "seed"]).droplevel(0).to_dict() == expected
    # The best of each seed would let chance choose.
    each = both.model_copy(update={"over": "max"})
    assert measured(each, Lookup(ahead_once).rows(each), ["protocol", "seed"]).droplevel(0).to_dict() == expected | {
        1: 0.99
    }


def test_a_method_without_exemplars_competes_at_every_budget_in_images(scores_of: Callable[..., pd.DataFrame]) -> None:
    rival = ICARL.model_copy(update={"select": {}, "exclude": {"kind": ("inemo",)}, "over": "best"})
    claim = BETTER.model_copy(update={"terms": (INEMO, rival)})
    runs = [(m, b, s) for m, b in (("inemo", "total-24"), ("icarl", "total-24"), ("finetune", "none")) for s in SEEDS]
    scores = scores_of(*runs)
    best = scores["method"].eq("finetune") & scores["metric"].eq("last_accuracy")
    scores.loc[best, "value"] = 0.99
    found = judge(claim, Lookup(scores))
    own = sum(value(scores, "inemo", "total-24", s) for s in SEEDS) / 3
    assert found["primitives3d, 2-2-2, total-24"].mean == pytest.approx(100 * (own - 0.99))
    rows = behind(claim, Lookup(scores))["primitives3d, 2-2-2, total-24"]
    assert set(rows["method"]) == {"inemo", "icarl", "finetune"}


def test_a_method_that_lacks_a_seed_is_not_the_best(three: pd.DataFrame) -> None:
    both = Term(metric="last_accuracy", select={"method": ("inemo", "icarl"), "budget": ("total-96",)}, over="best")
    part = three[~((three["method"] == "inemo") & (three["seed"] == 2))]
    expected = {s: value(three, "icarl", "total-96", s) for s in SEEDS}
    assert measured(both, Lookup(part).rows(both), ["protocol", "seed"]).droplevel(0).to_dict() == expected


def test_runs_that_experiments_share_count_once_and_unmeasured_claims_are_named(three: pd.DataFrame) -> None:
    once, twice = claims_table([PAPER], [three]), claims_table([PAPER], [three, three])
    pd.testing.assert_frame_equal(once, twice)
    assert once["seeds"].tolist() == ["3", "3", ""]
    assert once["verdict"].tolist() == ["holds", "holds", "not measured"]
    assert once.loc[2, ["difference", "low", "high"]].tolist() == ["", "", ""]
    assert once.loc[0, "difference"].startswith("+")


def test_the_page_groups_rows_by_claim_and_paper(three: pd.DataFrame) -> None:
    (source,) = sources_view(claims_table([PAPER], [three]))
    assert [len(group) for group in source.measured] == [2] and len(source.unmeasured) == 1
    assert counts([source]) == {"holds": 2, "not measured": 1}
    text = _section(source)
    assert text.count("It is better. (abstract)") == 1 and "✓ holds" in text and "Not measured:" in text


def test_the_claims_of_the_papers_name_methods_that_exist() -> None:
    known = {*method_names(ROOT / "config"), *(path.stem for path in (ROOT / "config/studies").glob("*.yaml"))}
    blocks = load_claims(ROOT / "config")
    assert [len(block.claims) >= 4 for block in blocks] == [True] * 3
    terms = [term for block in blocks for claim in block.claims for term in claim.terms]
    for select in (columns for term in terms for columns in (term.select, term.exclude)):
        for name in map(str, select.get("method", ())):
            assert fnmatch.filter(known, name), name
        assert set(select.get("kind", ())) <= set(available("meshcil.methods"))


def test_a_new_method_is_a_rival_without_an_edit(scores_of: Callable[..., pd.DataFrame]) -> None:
    claims = {claim.name: claim for block in load_claims(ROOT / "config") for claim in block.claims}
    scores = pd.concat(scores_of((name, "total-96", seed)) for name in ("inemo", "icarl") for seed in SEEDS)
    new = scores[scores["method"] == "icarl"].assign(method="newest-cifar", kind="newest")
    new["value"] += 0.5
    before = claims_table([PAPER.model_copy(update={"claims": (claims["ours-in-domain"],)})], [scores])
    after = claims_table([PAPER.model_copy(update={"claims": (claims["ours-in-domain"],)})], [scores, new])
    assert (before["rivals"].item(), after["rivals"].item()) == ("icarl", "icarl, newest-cifar")
    assert (before["verdict"].item(), after["verdict"].item()) == ("holds", "does not hold")


def test_scores_without_kinds_get_them_by_name(tmp_path: Path, scores_of: Callable[..., pd.DataFrame]) -> None:
    rows = scores_of(("inemo", "total-96", 0)).drop(columns="kind").iloc[:6]
    rows["method"] = ["memo-2-cifar", "inemo-study-no-etf", "icarl", "lucir-digits", "toy-32", "derby"]
    rows.to_csv(tmp_path / "scores.csv", index=False)
    assert read_scores(tmp_path / "scores.csv")["kind"].tolist() == ["memo", "inemo", "icarl", "lucir", "", ""]


@pytest.mark.parametrize("dimensions", [32, 512])
def test_dimensions_are_compared_with_a_shift_in_a_random_direction(dimensions: int) -> None:
    claims = {claim.name: claim for block in load_claims(ROOT / "config") for claim in block.claims}
    _, mean = claims[f"eli-dimensions-differ-{dimensions}"].terms
    largest = quad(lambda x: 1 - (2 * ndtr(x) - 1) ** dimensions, 0, 12)[0]
    assert -mean.weight == pytest.approx(largest / math.sqrt(2 / math.pi), abs=0.005)


def test_equal_bytes_are_not_equal_numbers_of_exemplars(scores_of: Callable[..., pd.DataFrame]) -> None:
    scores = scores_of(*((m, b, s) for m in ("inemo", "icarl") for b in ("total-96", "bytes-500000") for s in SEEDS))
    scores["method"] = scores["kind"] = scores["method"].map({"inemo": "memo", "icarl": "der"})
    claim = next(c for block in load_claims(ROOT / "config") for c in block.claims if c.name == "memo-above-der")
    assert set(judge(claim, Lookup(scores))) == {"primitives3d, 2-2-2, bytes-500000"}


def test_the_methods_of_which_the_best_is_taken_are_named(three: pd.DataFrame) -> None:
    best = Term(metric="last_accuracy", select={"method": ("i*",), "budget": ("total-96",)}, over="best")
    alone = best.model_copy(update={"select": {"method": ("icarl",)}})
    changed = [BETTER.model_copy(update={"terms": (term,), "by": ()}) for term in (best, alone)]
    table = claims_table([PAPER.model_copy(update={"claims": (*changed, BETTER)})], [three])
    assert table["rivals"].tolist() == ["icarl, inemo", "icarl", "", ""]
    text = _section(sources_view(table)[0])
    assert "[primitives3d, 2-2-2](); best of icarl, inemo |" in text
    assert "[primitives3d, 2-2-2](); against icarl |" in text


def test_a_unit_stands_beside_numbers_that_are_no_points(three: pd.DataFrame) -> None:
    paper = PAPER.model_copy(update={"claims": (BETTER.model_copy(update={"unit": "kilograms"}),)})
    table = claims_table([paper], [three])
    expected = value(three, "inemo", "total-24", 0) - value(three, "icarl", "total-24", 0)
    assert float(table.loc[0, "difference"]) == pytest.approx(expected, abs=0.3)
    assert _section(sources_view(table)[0]).count(" kilograms |") == 2


def test_wrong_claims_are_refused_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "claims"
    folder.mkdir()
    block = {"source": "A", "url": "https://example.org", "claims": [{"name": "one", **WORDS}]}
    (folder / "a.yaml").write_text(yaml.safe_dump(block))
    (folder / "b.yaml").write_text(yaml.safe_dump(block))
    with pytest.raises(InputError, match="`one` is also in"):
        load_claims(tmp_path)
    block["claims"] = [{"name": "two", **WORDS, "terms": [{"metric": "accuracy", "select": {"colour": ["red"]}}]}]
    (folder / "b.yaml").write_text(yaml.safe_dump(block))
    with pytest.raises(InputError, match="colour"):
        load_claims(tmp_path)


def test_a_share_is_what_occlusion_leaves_of_the_accuracy_above_guessing(three: pd.DataFrame) -> None:
    hidden = three[three["metric"] == "last_accuracy"].assign(test_set="L1")
    hidden["value"] = 0.1 + 0.5 * hidden["value"]
    share = Term(metric="last_accuracy", test_set="L1", of="clean", chance=0.1, select={"method": ("inemo",)})
    claim = BETTER.model_copy(update={"terms": (share,), "unit": "share"})
    found = judge(claim, Lookup(pd.concat([three, hidden], ignore_index=True)))
    clean = [value(three, "inemo", "total-96", seed) for seed in SEEDS]
    expected = sum((0.1 + 0.5 * v - 0.1) / (v - 0.1) for v in clean) / 3
    assert found["primitives3d, 2-2-2, total-96"].mean == pytest.approx(expected)


def test_nothing_is_decided_below_the_floor(three: pd.DataFrame) -> None:
    rival = max(value(three, "icarl", "total-96", seed) for seed in SEEDS)
    assert judge(BETTER, Lookup(three))["primitives3d, 2-2-2, total-96"].verdict == "holds"
    for floor, verdict in ((rival - 0.5, "holds"), (rival + 0.001, "not decided")):
        claim = BETTER.model_copy(update={"floor": floor})
        assert judge(claim, Lookup(three))["primitives3d, 2-2-2, total-96"].verdict == verdict


def test_a_mirrored_claim_is_shown_and_not_counted(three: pd.DataFrame) -> None:
    mirrored = BETTER.model_copy(update={"name": "again", "same_as": "better"})
    (source,) = sources_view(claims_table([PAPER.model_copy(update={"claims": (BETTER, mirrored)})], [three]))
    assert counts([source]) == {"holds": 2}
    assert _section(source).count("✓ holds") == 4


def test_verdicts_that_holm_does_not_confirm_say_so(three: pd.DataFrame) -> None:
    table = claims_table([PAPER], [three])
    one, many = table.assign(p=["0.02", "0.9", ""]), table.assign(p=["0.04", "0.9", ""])
    texts = [_section(sources_view(rows)[0]) for rows in (one, many)]
    assert "holds (uncorrected)" not in texts[0].split("\n")[6]
    assert "holds (uncorrected)" in texts[1].split("\n")[6]


def test_claims_of_one_form_share_their_variance(three: pd.DataFrame) -> None:
    noise = three["value"].where(three["method"] != "icarl", three["value"] + 0.01 * (three["seed"] - 1))
    scores = three.assign(value=noise)
    third = scores[scores["method"] == "icarl"].assign(method="lwf", value=three["value"] - 0.004 * three["seed"] ** 2)
    scores = pd.concat([scores, third], ignore_index=True)
    lwf = ICARL.model_copy(update={"select": {"method": ("lwf",)}})
    other = BETTER.model_copy(update={"name": "b", "terms": (INEMO, lwf)})
    alone = judge(BETTER, Lookup(scores))["primitives3d, 2-2-2, total-96"]
    both = verdicts([BETTER, other], Lookup(scores))[0]["primitives3d, 2-2-2, total-96"]
    assert both.mean == alone.mean and both.high - both.low != alone.high - alone.low

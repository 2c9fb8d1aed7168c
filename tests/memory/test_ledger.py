import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshcil.memory.ledger import (
    Ledger,
    LedgerRow,
    annotation_size,
    carried,
    deployed,
    exemplars,
    extractor,
    training_only,
)

builders = st.sampled_from([deployed, carried, training_only, lambda name, size: extractor(name, size)])


@given(st.lists(st.tuples(builders, st.integers(0, 10**6)), max_size=8))
def test_each_count_contains_the_narrower_one(parts):
    ledger = Ledger().add(build(f"row {i}", size) for i, (build, size) in enumerate(parts))
    totals = ledger.totals()
    assert totals["paper"] <= totals["deploy"] <= totals["carry"] <= totals["peak"]
    assert totals["peak"] == sum(row["bytes"] for row in ledger.records())


def test_what_each_row_enters():
    ledger = Ledger(
        (
            extractor("backbone", 1000),
            deployed("head", 70),
            carried("background bank", 500),
            training_only("teacher", 4070),
            *exemplars(10, 32, 32, annotation_size(100, pose=False)),
        )
    )
    assert ledger.totals() == {
        "paper": 4000 + 30_720,
        "deploy": 4070,
        "carry": 4070 + 500 + 30_720 + 10,
        "peak": 4070 + 500 + 30_720 + 10 + 4070,
    }


def test_memo_endpoint_in_mebibytes():
    """Ten ResNet-32 extractors and 2000 images of 32 x 32: 23.54 MB."""
    ledger = Ledger((extractor("extractors", 10 * 463_504), *exemplars(2000, 32, 32, 1)))
    assert ledger.total("paper") == 24_684_160
    assert ledger.total("paper") / 2**20 == pytest.approx(23.54065, abs=1e-5)


def test_sizes():
    assert (annotation_size(256, pose=False), annotation_size(257, pose=False)) == (1, 2)
    assert annotation_size(12, pose=True) == 41


def test_inconsistent_rows_are_refused():
    with pytest.raises(ValueError, match="deployed is carried"):
        LedgerRow("head", 1, deploy=True)
    with pytest.raises(ValueError, match="at least 0"):
        deployed("head", -1)
    with pytest.raises(ValueError, match="different names"):
        Ledger((deployed("head", 1), carried("head", 2)))
    with pytest.raises(ValueError, match="count must be one of"):
        Ledger().total("disk")

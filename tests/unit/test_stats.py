import base64
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random

import pytest
from datasketches import hll_sketch
from hypothesis import given
from hypothesis import strategies as st

from models import ProcessedLogin
from operators.state import StateFormatError
from operators.stats import (
    KEPT_KEYS,
    LG_K,
    OTHER,
    BoundedCounts,
    LoginStats,
    UserSketch,
)

SMALL_LIMIT = 3
REGISTERS_FROM = 1_537  # users from which a sketch of lg_k 14 holds registers instead of coupons

values = st.text(alphabet="aéb€😀", max_size=3) | st.just(OTHER) | st.text("x", min_size=60)
# A list of batches: the same values, cut anywhere.
batches = st.lists(st.lists(values, max_size=8), max_size=8)
logins = st.builds(
    ProcessedLogin,
    user_id=st.text(min_size=1, max_size=2),
    device_id=st.just("device"),
    device_type=st.sampled_from(["android", "iOS", "unknown"]),
    app_version=st.text(alphabet="0123.", max_size=5),
    version_category=st.sampled_from(["legacy", "stable", "current", "unknown"]),
    locale=values,
    masked_ip=st.none(),
    timestamp=st.just(0),
    login_at=st.just(""),
    processed_at=st.just(""),
    quality=st.lists(st.sampled_from(["missing_ip", "missing_locale"]), unique=True).map(tuple),
)
login_lists = st.lists(logins, max_size=6)


def login(user: str = "user", locale: str = "CA", quality: Sequence[str] = ()) -> ProcessedLogin:
    """One login; what the tests don't vary is always the same."""
    return ProcessedLogin(
        user, "device", "iOS", "2.3.0", "current", locale, None, 0, "", "", tuple(quality)
    )


def stats_of(*added: Sequence[ProcessedLogin]) -> LoginStats:
    """Stats that these lists were added to, one by one."""
    stats = LoginStats()
    for each in added:
        stats.add(each)
    return stats


def merged(*parts: LoginStats) -> LoginStats:
    """Stats that these parts were merged into."""
    whole = LoginStats()
    for part in parts:
        whole.merge(part)
    return whole


def counted(values: Iterable[str], limit: int = KEPT_KEYS) -> BoundedCounts:
    """Counts that these values were added to."""
    counts = BoundedCounts(limit)
    counts.add(values)
    return counts


def users(count: int, seed: int = 0) -> list[str]:
    """Different user ids, the same ones for a seed."""
    random = Random(seed)  # noqa: S311 - test data
    return [f"{random.getrandbits(64):016x}" for _ in range(count)]


def sketch_of(ids: Iterable[str]) -> UserSketch:
    """A sketch that these ids were added to, in this order."""
    sketch = UserSketch()
    sketch.add(ids)
    return sketch


def by_the_rule(values: Iterable[str], limit: int) -> dict[str, int]:
    """The contract's rule, applied to everything at once."""
    exact = Counter(values)
    fits = [key for key in exact if key != OTHER and len(key.encode()) <= 64]
    kept = sorted(fits, key=lambda key: (len(key.encode()), key.encode()))[:limit]
    counts = {key: exact[key] for key in kept}
    rest = exact.total() - sum(counts.values())
    return {**counts, OTHER: rest} if rest else counts


@given(batches)
def test_kept_keys_are_decided_by_all_values_seen_however_they_are_cut(
    cut: list[list[str]],
) -> None:
    """Counting batch by batch, or merging batches, gives what the rule gives for the whole."""
    added, whole = BoundedCounts(SMALL_LIMIT), BoundedCounts(SMALL_LIMIT)
    for batch in cut:
        added.add(batch)
        whole.merge(counted(batch, SMALL_LIMIT))
    expected = by_the_rule((value for batch in cut for value in batch), SMALL_LIMIT)
    assert added.counts() == whole.counts() == expected


@given(batches, st.randoms())
def test_order_of_merging_counts_does_not_matter(cut: list[list[str]], random: Random) -> None:
    """Any tree of merges over shuffled parts ends at the same counts, in the same order."""
    parts = [counted(batch, SMALL_LIMIT) for batch in [[], *cut]]
    while len(parts) > 1:
        random.shuffle(parts)
        last = parts.pop()
        parts[0].merge(last)
    expected = by_the_rule((value for batch in cut for value in batch), SMALL_LIMIT)
    assert list(parts[0].counts().items()) == list(expected.items())


@given(batches, batches)
def test_counts_continue_after_they_were_restored(
    before: list[list[str]], after: list[str]
) -> None:
    """A restart in the middle changes no count, though it forgets which keys were dropped."""
    restored = BoundedCounts(SMALL_LIMIT)
    restored.restore(counted((v for batch in before for v in batch), SMALL_LIMIT).counts())
    seen = [value for batch in before for value in batch]
    for batch in after:
        restored.add(batch)
        seen += batch
    assert restored.counts() == by_the_rule(seen, SMALL_LIMIT)


def test_dropped_key_never_comes_back() -> None:
    """A key past the limit stays in `other` even when it is the only one seen from then on."""
    counts = counted([f"a{n}" for n in range(9)], SMALL_LIMIT)
    counts.add(["a8"] * 5)
    assert counts.counts() == {"a0": 1, "a1": 1, "a2": 1, OTHER: 11}


def test_value_other_counts_under_other_and_takes_no_place() -> None:
    """A real value `other` is indistinguishable from the rest, so it is part of it."""
    counts = counted(["a", "b", "c", OTHER, OTHER, "d"], SMALL_LIMIT)
    assert counts.counts() == {"a": 1, "b": 1, "c": 1, OTHER: 3}


@pytest.mark.parametrize(
    ("value", "kept"), [("x" * 64, True), ("x" * 65, False), ("€" * 22, False)]
)
def test_values_over_64_bytes_count_under_other(value: str, kept: bool) -> None:
    """The length that counts is that in UTF-8."""
    assert counted([value]).counts() == {value if kept else OTHER: 1}


def test_memory_stays_bounded_with_a_million_distinct_values() -> None:
    """However many values come, no more than twice the kept keys are ever held."""
    counts = BoundedCounts()
    held = 0
    for start in range(1_000_000, 0, -10_000):  # falling: each batch comes before all others
        counts.add([f"{n:07d}" for n in range(start - 10_000, start)])
        held = max(held, len(counts._counts))
    assert held <= 2 * KEPT_KEYS
    assert counts.counts() == {f"{n:07d}": 1 for n in range(KEPT_KEYS)} | {OTHER: 999_000}


def test_key_that_ranks_after_the_kept_ones_is_not_even_held() -> None:
    """Once keys were dropped, later ones are dropped at once: no sorting for each new flood."""
    counts = counted([f"a{n}" for n in range(3 * SMALL_LIMIT)], SMALL_LIMIT)
    counts.add(["a9", "bb", "longer"])
    assert len(counts._counts) == SMALL_LIMIT


def test_reading_counts_does_not_change_them() -> None:
    """Workers may share a summary: one may read while another merges it."""
    counts = counted([f"a{n}" for n in range(5)], SMALL_LIMIT)
    held = dict(counts._counts)
    counts.counts()
    assert counts._counts == held


@given(login_lists, login_lists, login_lists)
def test_stats_are_a_commutative_monoid(
    a: list[ProcessedLogin], b: list[ProcessedLogin], c: list[ProcessedLogin]
) -> None:
    """Empty changes nothing, order and grouping don't matter, adding is merging."""
    one, two, three = stats_of(a), stats_of(b), stats_of(c)
    assert merged(one, LoginStats()) == one
    assert merged(one, two) == merged(two, one)
    assert merged(merged(one, two), three) == merged(one, merged(two, three))
    assert merged(one, two, three) == stats_of(a + b + c) == stats_of(c, b, a)


def test_merging_leaves_the_other_one_as_it_was() -> None:
    """A batch's summary can go to several places."""
    part = stats_of([login("one")])
    before = part.to_state()
    whole = merged(part)
    whole.add([login("two")])
    assert part.to_state() == before


def test_stats_count_every_column() -> None:
    """Each map counts its own field, quality each flag."""
    stats = stats_of([login("a"), login("b", "NY", ["missing_ip"]), login("b", "NY", ["x", "y"])])
    assert stats.logins == 3
    assert stats.users.estimate() == 2
    assert stats.device_types.counts() == {"iOS": 3}
    assert stats.app_versions.counts() == {"2.3.0": 3}
    assert stats.version_categories.counts() == {"current": 3}
    assert stats.locales.counts() == {"CA": 1, "NY": 2}
    assert stats.quality.counts() == {"x": 1, "y": 1, "missing_ip": 1}


def test_unique_users_are_within_three_percent_at_100_000_users() -> None:
    """The contract's accuracy, for several sets of users, each seen twice."""
    for seed in range(5):
        ids = users(100_000, seed)
        assert sketch_of(ids + ids).estimate() == pytest.approx(100_000, rel=0.03)


def one_by_one(ids: list[str]) -> UserSketch:
    """A merge for each user."""
    return in_parts(1)(ids)


def in_parts(size: int) -> Callable[[list[str]], UserSketch]:
    """Sketches of so many users each, merged."""

    def build(ids: list[str]) -> UserSketch:
        whole = UserSketch()
        for start in range(0, len(ids), size):
            whole.merge(sketch_of(ids[start : start + size]))
        return whole

    return build


def through_the_store(ids: list[str]) -> UserSketch:
    """A restart in the middle."""
    half = len(ids) // 2
    restored = UserSketch.from_bytes(sketch_of(ids[:half]).to_bytes())
    restored.add(ids[half:])
    return restored


@pytest.mark.parametrize("build", [sketch_of, one_by_one, in_parts(2_000), through_the_store])
@pytest.mark.parametrize(
    "count", [0, 1, 8, 24, 25, 1_000, REGISTERS_FROM - 1, REGISTERS_FROM, 2_000, 30_000]
)
def test_sketch_depends_on_the_set_of_users_only(
    count: int, build: Callable[[list[str]], UserSketch]
) -> None:
    """Shuffled, grouped or restored: the same estimate and the same bytes, in every mode."""
    ids = users(count)
    shuffled = ids + ids[: count // 3]
    Random(1).shuffle(shuffled)  # noqa: S311 - test data
    plain, other = sketch_of(ids), build(shuffled)
    assert other.estimate() == plain.estimate()
    assert other.to_bytes() == plain.to_bytes()


def test_estimate_is_not_hip() -> None:
    """The library's own estimate depends on the order, which is why it isn't used."""
    ids = users(30_000)
    estimates = set()
    for order in (ids, ids[::-1]):
        sketch = hll_sketch(LG_K)
        for user in order:
            sketch.update(user)
        estimates.add(sketch.get_estimate())
    assert len(estimates) == 2
    assert sketch_of(ids).estimate() not in {round(estimate) for estimate in estimates}


@pytest.mark.parametrize("count", [0, 5, 1_000, 30_000])
def test_published_bytes_are_read_by_the_library_with_the_same_estimate(count: int) -> None:
    """A consumer that decodes the sketch sees the number that was published beside it."""
    sketch = sketch_of(users(count))
    published = base64.b64encode(sketch.to_bytes())
    read = hll_sketch.deserialize(base64.b64decode(published))
    assert round(read.get_estimate()) == sketch.estimate()
    assert read.lg_config_k == LG_K


@given(st.lists(login_lists, max_size=3))
def test_estimated_memory_depends_on_the_logins_only(cut: list[list[ProcessedLogin]]) -> None:
    """Not on how they were cut, nor on a restart: by it windows are closed, on a replay too."""
    whole = stats_of([login for batch in cut for login in batch])
    merged = LoginStats()
    for batch in cut:
        merged.merge(LoginStats.from_bytes(stats_of(batch).to_bytes()))
    assert whole.memory() == merged.memory() == LoginStats.from_bytes(whole.to_bytes()).memory()


def test_estimated_memory_grows_with_users_and_values_up_to_a_limit() -> None:
    """The most that a window can take is known."""
    sizes = [
        stats_of([login(f"user {number}", f"{number}") for number in range(count)]).memory()
        for count in (1, 100, 1_000, 10_000, 20_000)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < 2_500
    assert 100_000 < sizes[-2] == sizes[-1] < 200_000
    more_than_kept = stats_of([login(locale=f"{number}") for number in range(1_500)])
    restarted = LoginStats.from_bytes(more_than_kept.to_bytes())
    assert restarted.memory() == more_than_kept.memory()


@given(login_lists)
def test_pickled_stats_come_back_equal(added: list[ProcessedLogin]) -> None:
    """Summaries cross processes, and totals outlive one."""
    stats = stats_of(added)
    back = pickle.loads(pickle.dumps(stats))  # noqa: S301 - our own
    assert back == stats
    back.add([login("another")])
    assert back == stats_of([*added, login("another")])


def test_pickled_batch_is_small() -> None:
    """A sketch of few users holds no registers: a quiet partition's summaries stay small."""
    assert len(pickle.dumps(stats_of([login("one"), login("two")]))) < 400
    assert len(pickle.dumps(stats_of([login(user) for user in users(2_000)]))) < 20_000


@pytest.mark.parametrize("state", [(2, 0, b"", ()), (), None, {"logins": 3}])
def test_state_of_another_format_is_refused_with_what_to_do(state: object) -> None:
    """One line that says what happened, and to start with a new recovery folder."""
    with pytest.raises(StateFormatError, match=r"format .*, .*new recovery folder") as caught:
        LoginStats.from_state(state)
    assert "\n" not in str(caught.value)

"""Which changes of its topics a running flow is stopped for, and after which answers."""

import pytest

from connectors.topic_changes import Answer, Change, Topic, TopicChanges
from connectors.topics import FlowTopics
from tests.support.clock import Clock

FIRST, SECOND = "11111111-0000-0000-0000-000000000000", "22222222-0000-0000-0000-000000000000"
TOPICS = FlowTopics("in", FIRST, 4, "out", 4, "dlq", "progress", "upserts", 1, *[1_000_000] * 3)
WRITTEN = {"out": Topic("a", 4), "dlq": Topic("b", 4), "progress": Topic("c", 4)}
AS_FOUND = Topic(FIRST, 4)


@pytest.fixture
def clock() -> Clock:
    """A clock that a test advances."""
    return Clock()


@pytest.fixture
def changes(clock: Clock) -> TopicChanges:
    """The comparison where topics have ids."""
    return TopicChanges(TOPICS, frozenset(WRITTEN), clock)


@pytest.fixture
def old_changes(clock: Clock) -> TopicChanges:
    """The same, where brokers give topics no id."""
    topics = FlowTopics("in", "", 4, "out", 4, "dlq", "progress", "upserts", 1, *[1_000_000] * 3)
    return TopicChanges(topics, frozenset(WRITTEN), clock)


def answer(found: Topic | None, **written: Topic | None) -> Answer:
    """Return the answer of a broker that has loaded the metadata."""
    return Answer(3, {"in": found, **WRITTEN, **written})


def kinds(changes: TopicChanges, *answers: Answer | None) -> list[str | None]:
    """Return the kind of change that each answer proves, None for no change."""
    judged = [changes.check(one) for one in answers]
    return [None if change is None else change.kind for change in judged]


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (None, "deleted"),
        (Topic(SECOND, 4), "recreated"),
        (Topic(SECOND, 2), "recreated"),
        (Topic(SECOND, 6), "recreated"),
        (Topic(FIRST, 6), "grown"),
    ],
)
def test_two_answers_in_a_row_prove_a_change_of_the_input(
    changes: TopicChanges, found: Topic | None, kind: str
) -> None:
    """One alone may come from a broker that is behind the others."""
    as_found = answer(AS_FOUND)
    assert kinds(changes, as_found, answer(found), as_found, answer(found)) == [None] * 4
    assert kinds(changes, answer(found)) == [kind]


def test_a_topic_that_is_recreated_between_two_checks_is_detected_by_its_id(
    changes: TopicChanges,
) -> None:
    """It was deleted in the first answer and is another topic in the second."""
    assert kinds(changes, answer(None), answer(Topic(SECOND, 4))) == [None, "recreated"]


@pytest.mark.parametrize("topic", ["out", "dlq", "progress"])
def test_a_deleted_topic_that_the_flow_writes_to_is_named(
    changes: TopicChanges, topic: str
) -> None:
    """The client would wait for it for half a minute, and then name no topic."""
    gone = answer(AS_FOUND, **{topic: None})
    assert changes.check(gone) is None
    change = changes.check(gone)
    assert change is not None
    assert change.kind == "output_deleted"
    assert f"topic {topic}, which the flow writes to, was deleted" in change.line


def test_an_output_topic_that_a_broker_recreates_is_detected(changes: TopicChanges) -> None:
    """With auto.create.topics.enable it exists again before anyone noticed that it was gone."""
    other = answer(AS_FOUND, out=Topic("z", 1))
    assert kinds(changes, answer(AS_FOUND), other, other) == [None, None, "output_deleted"]


def test_ids_that_come_with_an_upgrade_of_the_brokers_are_not_a_change(
    old_changes: TopicChanges,
) -> None:
    """Brokers before 2.8 give topics no id."""
    without = answer(Topic("", 4), **{name: Topic("", 4) for name in WRITTEN})
    with_ids = answer(AS_FOUND)
    assert kinds(old_changes, without, without, with_ids, with_ids) == [None] * 4


def test_fewer_partitions_of_the_same_topic_are_an_old_answer(changes: TopicChanges) -> None:
    """A topic never loses partitions: that broker is behind the others."""
    assert kinds(changes, *[answer(Topic(FIRST, 2))] * 3) == [None] * 3


def test_a_broker_that_knows_no_topic_is_asked_again(changes: TopicChanges, clock: Clock) -> None:
    """Right after its start it may not have loaded them; after three seconds they are gone."""
    nothing = Answer(1, dict.fromkeys(("in", *WRITTEN)))
    assert kinds(changes, nothing, nothing, nothing) == [None] * 3
    clock.now += 2.9
    assert kinds(changes, nothing) == [None]
    clock.now += 0.1
    assert kinds(changes, nothing) == ["deleted"]


def test_a_broker_that_knows_no_broker_proves_nothing(changes: TopicChanges, clock: Clock) -> None:
    """With ZooKeeper a broker may answer for many seconds before the controller contacts it."""
    for _ in range(20):
        assert kinds(changes, Answer(0, dict.fromkeys(("in", *WRITTEN)))) == [None]
        clock.now += 1


def test_silence_is_not_a_change(changes: TopicChanges, clock: Clock) -> None:
    """While brokers are away nothing is known, and earlier suspicions start over."""
    for _ in range(5):
        assert kinds(changes, answer(None), None) == [None, None]
        clock.now += 60


def test_a_topic_that_the_broker_does_not_mention_is_not_a_change(changes: TopicChanges) -> None:
    """If the permission to describe it is missing, reading it fails with that reason."""
    assert kinds(changes, *[Answer(3, WRITTEN)] * 3) == [None] * 3
    assert kinds(changes, *[Answer(3, {"in": AS_FOUND})] * 3) == [None] * 3


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([answer(None), answer(None)], "deleted"),
        ([answer(None), answer(Topic("", 4))], "recreated"),
        ([answer(Topic("", 2))] * 2, "recreated"),
        ([answer(Topic("", 6))] * 2, "grown"),
        ([answer(Topic("", 4))] * 2, None),
        ([answer(AS_FOUND)] * 2, None),  # the brokers were upgraded meanwhile
    ],
)
def test_without_ids_a_recreated_topic_is_one_that_was_missing_or_shrank(
    old_changes: TopicChanges, answers: list[Answer], kind: str | None
) -> None:
    """Brokers before 2.8 give topics no id."""
    assert kinds(old_changes, *answers) == [None, kind]


def test_a_suspicion_is_checked_sooner(changes: TopicChanges) -> None:
    """So that the line comes within five seconds, without needless requests before."""
    changes.check(answer(AS_FOUND))
    calm = changes.pause
    changes.check(answer(None))
    assert changes.pause < calm
    changes.check(answer(AS_FOUND))
    assert changes.pause == calm


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "start with a new KAFKA_GROUP_ID and a new recovery folder"),
        (Topic(SECOND, 4), "start with a new KAFKA_GROUP_ID and a new recovery folder"),
        (Topic(FIRST, 6), "topic in now has 6 partitions; it had 4 when the flow started: restart"),
    ],
)
def test_the_line_says_what_to_do(changes: TopicChanges, found: Topic | None, said: str) -> None:
    """It is one line, and names the topic."""
    changes.check(answer(found))
    change = changes.check(answer(found))
    assert isinstance(change, Change)
    assert "topic in " in change.line
    assert said in change.line
    assert "\n" not in change.line

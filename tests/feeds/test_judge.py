from __future__ import annotations

from trader.feeds.judge import APART_NS, PAUSE_NS, RELAPSE_NS, TRIES, Judge, Verdict
from trader.model.book import BookTop, Level, MarketBook
from trader.model.units import PriceBp, SizeMicro
from trader.venues.contract import BookDump


def ours(seq: int = 1) -> MarketBook:
    """YES changes with every `seq`, and is REST's at 1; NO stands still."""
    yes, no = (BookTop(token, (Level(PriceBp(4000), SizeMicro(size)),), (Level(PriceBp(6000), SizeMicro(5)),), PriceBp(100))
               for token, size in (("11", 4 + seq), ("12", 5)))
    return MarketBook("0xm", yes, no, 1, seq, 0, 0)


def rest(yes_bid: int = 4000, no_bid: int = 4000) -> dict[str, BookDump]:
    return {token: BookDump(token, ((PriceBp(bid), SizeMicro(5)),), ((PriceBp(6000), SizeMicro(5)),), None, 1, "h")
            for token, bid in (("11", yes_bid), ("12", no_bid))}


def accused(at_ns: int = 0) -> Judge:
    judge = Judge()
    assert judge.accuse("a doubt", at_ns) and judge.is_due(at_ns)
    return judge


def hear(judge: Judge, at_ns: int, theirs: dict[str, BookDump], before: int = 1, after: int | None = None) -> Verdict:
    return judge.hear(ours(before), ours(before if after is None else after), theirs, at_ns)


def test_rest_that_agrees_acquits_at_once() -> None:
    judge = accused()
    assert hear(judge, 0, rest()) is Verdict.SAME and not judge.reason


def test_one_answer_that_differs_proves_nothing_and_two_half_a_second_apart_do() -> None:
    judge = accused()
    assert hear(judge, 0, rest(4100)) is Verdict.OPEN
    assert not judge.is_due(APART_NS - 1) and judge.is_due(APART_NS)
    assert hear(judge, APART_NS, rest(4200)) is Verdict.WRONG
    assert judge.wrong_tokens == ("11",)


def test_an_answer_that_was_only_late_acquits_the_second_time() -> None:
    judge = accused()
    hear(judge, 0, rest(4100))
    assert hear(judge, APART_NS, rest()) is Verdict.SAME


def test_ours_must_not_have_changed_between_the_answers_nor_during_one() -> None:
    judge = accused()
    hear(judge, 0, rest(4100), before=1)
    assert hear(judge, APART_NS, rest(4100), before=2) is Verdict.OPEN
    assert hear(judge, 2 * APART_NS, rest(4100), before=2, after=3) is Verdict.OPEN
    assert hear(judge, 3 * APART_NS, rest(4100), before=3) is Verdict.OPEN
    assert hear(judge, 4 * APART_NS, rest(4100), before=3) is Verdict.WRONG


def test_a_market_that_never_stands_still_is_not_judged() -> None:
    judge = accused()
    verdicts = [hear(judge, at * APART_NS, rest(4100), before=at, after=at + 1) for at in range(TRIES)]
    assert verdicts == [Verdict.OPEN] * (TRIES - 1) + [Verdict.MOVED]


def test_a_token_that_stands_still_is_judged_although_the_other_one_moves() -> None:
    judge = accused()
    assert hear(judge, 0, rest(4100, no_bid=3900), before=1, after=2) is Verdict.OPEN
    assert hear(judge, APART_NS, rest(4200, no_bid=3900), before=8, after=9) is Verdict.WRONG
    assert judge.wrong_tokens == ("12",)


def test_one_case_at_a_time_and_a_pause_after_each() -> None:
    judge = accused()
    assert not judge.accuse("another", 0)
    hear(judge, 7, rest())
    assert not judge.accuse("another", 7 + PAUSE_NS - 1)
    assert judge.accuse("another", 7 + PAUSE_NS) and judge.reason == "another"


def test_wrong_again_within_a_minute_means_that_the_repair_did_not_help() -> None:
    for later_ns, verdict in ((RELAPSE_NS - 1, Verdict.STILL_WRONG), (RELAPSE_NS, Verdict.WRONG)):
        judge = accused()
        hear(judge, 0, rest(4100))
        assert hear(judge, APART_NS, rest(4100)) is Verdict.WRONG
        judge.accuse("again", later_ns)
        hear(judge, later_ns, rest(4100))
        assert hear(judge, APART_NS + later_ns, rest(4100)) is verdict


def test_a_dismissed_case_forgets_what_was_heard() -> None:
    judge = accused()
    hear(judge, 0, rest(4100))
    judge.dismiss(1)
    judge.accuse("again", 1 + PAUSE_NS)
    assert hear(judge, 1 + PAUSE_NS, rest(4100)) is Verdict.OPEN

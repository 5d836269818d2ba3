from trader.model.intent import Mode
from trader.strategy.library.observer import Observer


def test_an_observer_never_quotes_and_says_so(make):
    assert Observer().quote(make.view()) == (Mode.STOP, (), "observer: watches, never quotes")

"""What an earlier run left for the markets role: windows whose outcome nobody has heard."""

from trader.journal.past import claim_past
from trader.journal.settings import JournalSettings
from trader.model.recall import NOTHING_RECALLED


def test_a_window_without_an_outcome_is_asked_about_whether_it_has_closed_or_not(keeper, desk, tmp_path):
    keeper.keep(desk)
    keeper.folder.release()
    past = claim_past(JournalSettings(dir=str(tmp_path)), "live", "0xabc", desk.now().ms)
    assert past.undecided == [desk.market] and desk.market.close_ms > desk.now().ms
    past.folder.release()


def test_a_window_with_an_outcome_is_not(keeper, desk, tmp_path):
    desk.resolves(yes=True)
    keeper.keep(desk)
    keeper.folder.release()
    past = claim_past(JournalSettings(dir=str(tmp_path)), "live", "0xabc", desk.now().ms)
    assert past.undecided == [] and past.recalled.windows != ()
    past.folder.release()


def test_play_money_has_no_past(keeper, desk, tmp_path):
    keeper.keep(desk)
    past = claim_past(JournalSettings(dir=str(tmp_path)), "embedded", "0xabc", desk.now().ms)
    assert past.recalled == NOTHING_RECALLED and past.undecided == []
    past.folder.release()

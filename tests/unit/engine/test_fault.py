import os

from ikeview.engine.fault import describe


def caught(work) -> Exception:  # type: ignore[no-untyped-def]
    try:
        work()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_the_place_is_told_and_the_message_is_not() -> None:
    from ikeview.core.facts import fact_from_dict

    text = describe(caught(lambda: fact_from_dict({"fact": "hunter2"})))
    assert text.startswith("BadFact at ikeview/core/facts.py:")
    assert text.endswith(" in fact_from_dict")
    assert "hunter2" not in text


def test_the_systems_own_words_are_kept() -> None:
    text = describe(caught(lambda: os.stat("/nonexistent/file")))
    assert text.startswith("FileNotFoundError (No such file or directory) at test_fault.py:")


def test_an_error_that_was_never_raised() -> None:
    assert describe(ValueError("hunter2")) == "ValueError"

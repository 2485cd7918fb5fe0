import logging
import os
import socket
import time
import traceback
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from chat_server import (
    SENTENCES,
    Behaviour,
    Chat,
    breaks_off,
    chat,
    fails,
    good,
    hangs,
    is_no_web_server,
    never_ends,
    says,
    sends,
    trickles,
)
from mgcld_plugins.explainers.chat import ChatExplainer

from mgcld.errors import ConfigError, ExplanationError
from mgcld.interfaces import Attributing, Explainer

KEY = "sk-secret-123456"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name == "MGCLD_CHAT_KEY":
            monkeypatch.delenv(name)
    monkeypatch.setenv("MGCLD_TEST_KEY", f" {KEY}\n")


def explainer(server: Chat, **options: Any) -> ChatExplainer:
    return ChatExplainer(server.base_url, "small-talk", **{"pause_seconds": 0.01, "timeout_seconds": 5.0, **options})


def asked_for(server: Chat) -> list[str]:
    return [question.get("response_format", {"type": "text"})["type"] for question in server.asked]


def test_a_good_answer_is_eight_sentences_for_one_request() -> None:
    with chat(good()) as server:
        writer = explainer(server)
        assert isinstance(writer, Explainer)
        assert isinstance(writer, Attributing)
        assert writer.explain("church_bells") == SENTENCES
    (question,) = server.asked
    assert server.paths == ["/v1/chat/completions"]
    assert question["model"] == "small-talk"
    assert "'church bells'" in question["messages"][0]["content"]
    assert "exactly 8 " in question["messages"][0]["content"]
    assert question["response_format"]["json_schema"]["strict"] is True
    assert "temperature" not in question
    assert "Authorization" not in server.headers[0]


def test_the_record_names_model_address_and_prompt() -> None:
    writer = ChatExplainer("https://chat.example/v1?token=secret", "small-talk")
    origin = dict(writer.origin("bell"))
    assert origin.pop("prompt").startswith("Write exactly {count} different English sentences")
    assert origin == {"by": "chat", "model": "small-talk", "base_url": "https://chat.example/v1"}


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(fails(500, "out of memory"), id="500"),
        pytest.param(fails(503), id="503"),
        pytest.param(fails(429, "slow down", Retry_After="0"), id="429"),
        pytest.param(breaks_off, id="an answer that breaks off"),
        pytest.param(never_ends, id="an answer without end"),
        pytest.param(is_no_web_server, id="another protocol"),
        pytest.param(sends(b'{"choices": [{"mess'), id="half a JSON"),
        pytest.param(sends(b"<html>please log in</html>"), id="a page"),
        pytest.param(sends(b'{"choices": []}'), id="no choice"),
        pytest.param(sends(b'["choices"]'), id="another shape"),
        pytest.param(sends(b'{"usage": {"prompt_tokens": Infinity}}'), id="no number"),
        pytest.param(sends(b"[" * 100_000), id="deep brackets"),
        pytest.param(fails(429, Retry_After="Mon, 01 Jan 99999999999999 00:00:00 GMT"), id="after the end of time"),
        pytest.param(says(""), id="nothing said"),
        pytest.param(says("I am afraid I cannot do that."), id="a refusal"),
        pytest.param(says({"answer": 42}), id="other JSON"),
        pytest.param(says("[" * 100_000), id="brackets said"),
        pytest.param(says({"sentences": SENTENCES[:5]}), id="five sentences"),
        pytest.param(says({"sentences": [SENTENCES[0]] * 8}), id="one sentence eight times"),
        pytest.param(says({"sentences": [*SENTENCES[:7], SENTENCES[0].upper() + "."]}), id="a twin in capitals"),
        pytest.param(says({"sentences": [*SENTENCES[:7], "ding dong"]}), id="a short one"),
        pytest.param(says({"sentences": [*SENTENCES[:7], "ding " * 31]}), id="a long one"),
        pytest.param(says({"sentences": [*SENTENCES[:7], 8]}), id="a number among them"),
    ],
)
def test_what_passes_is_asked_again(behaviour: Behaviour) -> None:
    with chat(behaviour, good()) as server:
        assert explainer(server).explain("bell") == SENTENCES
    assert len(server.asked) == 2


@pytest.mark.parametrize("behaviour", [hangs, trickles])
def test_no_request_takes_longer_than_its_time(behaviour: Behaviour) -> None:
    with chat(behaviour, good()) as server:
        began = time.monotonic()
        assert explainer(server, timeout_seconds=0.3).explain("bell") == SENTENCES
        assert time.monotonic() - began < 8, "the server would go on for ten seconds, or for ever"


@pytest.mark.parametrize(
    "content",
    [
        f'```json\n{{"sentences": {SENTENCES}}}\n```'.replace("'", '"'),
        f"<think>eight, [yes] {{or so}}</think> Here they are: {SENTENCES} Enjoy!".replace("'", '"'),
        {"sentences": [f"{i}. {sentence}" for i, sentence in enumerate(SENTENCES, 1)]},
        {"sentences": [f"- {sentence}\x1b\n" for sentence in SENTENCES]},
        {"sentences": [*SENTENCES, "one sentence more than was asked for"]},
        {"sentences": [SENTENCES[0], *SENTENCES, "too short"]},
    ],
)
def test_sentences_are_found_in_whatever_is_written_around_them(content: object) -> None:
    with chat(says(content)) as server:
        assert explainer(server).explain("bell") == SENTENCES


def test_a_model_is_told_why_its_answer_could_not_be_used() -> None:
    with chat(says({"sentences": SENTENCES[:5]}), good()) as server:
        explainer(server).explain("bell")
    first, second = (question["messages"][0]["content"] for question in server.asked)
    assert second.startswith(first)
    assert "of 5 sentences 5 are different ones of 5 to 30 words, not 8" in second


def test_a_service_that_knows_no_schema_is_asked_for_any_json_then_for_text_and_not_twice_for_the_same() -> None:
    unknown = fails(400, "response_format is not supported")
    with chat(unknown, unknown, good(), good()) as server:
        writer = explainer(server)
        assert writer.explain("bell") == writer.explain("gong") == SENTENCES
    assert asked_for(server) == ["json_schema", "json_object", "text", "text"]


def test_json_object_is_kept_where_it_is_accepted() -> None:
    with chat(fails(422), good(), good()) as server:
        writer = explainer(server)
        writer.explain("bell")
        writer.explain("gong")
    assert asked_for(server) == ["json_schema", "json_object", "json_object"]


@pytest.mark.parametrize(
    ("behaviours", "message", "help"),
    [
        ([fails(401, f"Incorrect API key: {KEY[:9]}")], "refuses the key", "key_env"),
        ([fails(403)], "refuses the key", "key_file"),
        ([fails(404, "no such model")], "has no model 'small-talk', or is not the address: no such model", "/v1"),
        ([fails(402, "out of credit")], "refuses: status 402: out of credit", "documentation"),
        (
            [fails(400, "bad"), fails(400, "bad"), fails(400, "bad")],
            "does not take the question: status 400: bad",
            "doc",
        ),
        (
            [fails(302, Location="https://elsewhere.example/v1?s=1")],
            "sends us to https://elsewhere.example/v1",
            "mend base_url",
        ),
        ([fails(307, Location="/login")], "sends us to /login", "mend base_url"),
        ([fails(429, "come tomorrow", Retry_After="86400")], "it asks to wait 86400 s", "later"),
    ],
)
def test_what_does_not_pass_is_told_at_once(behaviours: list[Behaviour], message: str, help: str) -> None:
    with chat(*behaviours) as server, pytest.raises(ExplanationError) as caught:
        explainer(server, key_env="MGCLD_TEST_KEY").explain("bell")
    assert message in str(caught.value)
    assert help in caught.value.help
    assert len(server.asked) == len(behaviours)
    assert KEY[:9] not in shown(caught.value)


def shown(error: BaseException) -> str:
    """Everything that anybody could print of an error."""
    return "".join(traceback.format_exception(error)) + repr(error) + getattr(error, "help", "")


def test_the_tries_are_counted_and_the_last_reason_is_told(caplog: pytest.LogCaptureFixture) -> None:
    told = pytest.raises(ExplanationError, match="'bell' in 3 tries; the last time: status 500: out of memory")
    with caplog.at_level(logging.INFO), chat(*[fails(500, "out of memory")] * 3) as server, told:
        explainer(server, tries=3).explain("bell")
    assert len(caplog.records) == 2
    assert f"{server.base_url}: status 500: out of memory; again in 0.0 s" in caplog.text


def test_pauses_grow_and_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with chat(*[fails(500)] * 4) as server, pytest.raises(ExplanationError):
        explainer(server, pause_seconds=1.0).explain("bell")
    assert [0.5 * 2**i <= pause <= 1.5 * 2**i for i, pause in enumerate(pauses)] == [True] * 3
    assert len({pause / 2**i for i, pause in enumerate(pauses)}) == 3


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_service_is_given_the_time_that_it_asks_for(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    wait = "15" if form == "seconds" else formatdate(time.time() + 15, usegmt=True)
    with chat(fails(429, Retry_After=wait), fails(503, Retry_After="soon"), good()) as server:
        explainer(server, pause_seconds=20.0).explain("bell")
    assert 5 < pauses[0] <= 15, "of 20 that it would have waited; and a date has whole seconds"
    assert pauses[1] >= 20, "'soon' is no time"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    writer = ChatExplainer(f"http://127.0.0.1:{port}/v1", "small-talk", tries=2, pause_seconds=0.01)
    with pytest.raises(ExplanationError, match="in 2 tries; the last time: the connection is refused"):
        writer.explain("bell")


def test_there_is_no_such_host() -> None:
    label = "x" * 70  # longer than any name may be, so that nobody is asked about it
    writer = ChatExplainer(f"http://{label}.invalid/v1", "small-talk", tries=1)
    with pytest.raises(ExplanationError, match="in 1 try; the last time: there is no host of that name"):
        writer.explain("bell")


@pytest.mark.parametrize("source", ["environment", "named variable", "file"])
def test_the_key_goes_into_the_request_and_nowhere_else(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    monkeypatch.setenv("MGCLD_CHAT_KEY", KEY)
    options = {
        "environment": {},
        "named variable": {"key_env": "MGCLD_TEST_KEY"},
        "file": {"key_file": tmp_path / "key"},
    }
    says_it_back = fails(500, f"who is {KEY}?")
    with caplog.at_level(logging.DEBUG), chat(says_it_back, good(), *[says_it_back] * 4) as server:
        writer = explainer(server, **options[source])
        writer.explain("bell")
        with pytest.raises(ExplanationError, match="who is …") as caught:
            writer.explain("gong")
    assert [headers["Authorization"] for headers in server.headers] == [f"Bearer {KEY}"] * 6
    assert KEY not in shown(caught.value) + caplog.text + repr(vars(writer)) + repr(writer.origin("bell"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": KEY}, "a key never stands in a configuration"),
        ({"key_env": "MGCLD_NO_SUCH_KEY"}, "there is no key in the environment variable MGCLD_NO_SUCH_KEY"),
        ({"key_env": "MGCLD_BAD_KEY"}, "has blanks or signs in it"),
        ({"key_file": Path("/no/such/key")}, "the key cannot be read from /no/such/key: No such file"),
        ({"key_file": Path("/dev/null")}, "there is no key in /dev/null"),
        ({"count": 0}, "count: 0 is not between 1 and 50"),
        ({"tries": 0}, "cannot be so small"),
        ({"base_url": f"https://user:{KEY}@chat.example/v1"}, "base_url is not understood"),
        ({"base_url": "chat.example/v1"}, "base_url is not understood"),
        ({"base_url": "file:///etc/passwd"}, "base_url is not understood"),
        ({"base_url": "http://chat.example:port/v1"}, "base_url is not understood"),
        ({"base_url": "http://chat example/v1"}, "base_url is not understood"),
    ],
)
def test_options_that_cannot_be_used(options: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MGCLD_BAD_KEY", f"{KEY}\r\nX-Other: header")
    with pytest.raises(ConfigError, match=message) as caught:
        ChatExplainer(**{"base_url": "http://chat.example/v1", "model": "small-talk", **options})
    assert caught.value.help
    assert KEY not in shown(caught.value)


@pytest.mark.parametrize(
    ("base_url", "warned"),
    [("http://chat.example/v1", True), ("https://chat.example/v1", False), ("http://localhost:11434/v1", False)],
)
def test_a_key_that_would_travel_unencrypted_is_told(
    base_url: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ChatExplainer(base_url, "small-talk", key_env="MGCLD_TEST_KEY")
    assert ("unencrypted" in caplog.text) is warned
    assert KEY not in caplog.text


@pytest.mark.parametrize("suffix", ["", "/", "/chat/completions"])
def test_the_address_may_be_the_whole_one(suffix: str) -> None:
    with chat(good()) as server:
        ChatExplainer(f"{server.base_url}{suffix}?api-version=1", "small-talk").explain("bell")
    assert server.paths == ["/v1/chat/completions?api-version=1"]


def test_what_a_class_costs_is_told_over_all_tries(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.INFO),
        chat(says("no", prompt_tokens=50, completion_tokens=1), good(), good()) as server,
    ):
        explainer(server, input_price=2.0, output_price=10.0).explain("bell")
        explainer(server).explain("gong")
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert told == [
        "explanations: 'bell' took 150 tokens in and 201 out, which cost 0.002310",
        "explanations: 'gong' took 100 tokens in and 200 out",
    ]


def test_other_counts_and_options_are_passed_on() -> None:
    with chat(says(SENTENCES[:3])) as server:
        assert explainer(server, count=3, temperature=0.5).explain("bell") == SENTENCES[:3]
    assert server.asked[0]["temperature"] == 0.5
    assert "exactly 3 " in server.asked[0]["messages"][0]["content"]

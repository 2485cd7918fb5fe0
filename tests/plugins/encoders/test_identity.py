import hashlib
from pathlib import Path

import pytest
from mgcld_plugins.encoders._identity import hash_of, named

from mgcld.config import named_part


@pytest.mark.parametrize(
    ("model", "coarse", "options", "name"),
    [
        ("laion/clap", "mean", {"revision": None}, "clap=laion/clap"),
        ("./a b", "native", {"revision": "v1"}, "clap=./a b?coarse=native&revision=v1"),
        ("/a/w.pth", "mean", {"tokenizer": "/b & c/t.json"}, "clap=/a/w.pth?tokenizer=/b%20%26%20c/t.json"),
        ("/what?", "mean", {}, "clap?model=/what%3F"),
    ],
)
def test_a_name_is_what_the_command_line_takes(
    model: str, coarse: str, options: dict[str, str | None], name: str
) -> None:
    assert named("clap", model, coarse=coarse, **options) == name
    given = {key: value for key, value in options.items() if value is not None}
    wanted = {"model": model, **({} if coarse == "mean" else {"coarse": coarse}), **given}
    part = named_part(name)
    assert (part.type, part.options) == ("clap", wanted)


def test_the_hash_is_the_files_and_each_reading_has_its_own(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"1234")
    plain, native = hash_of(weights, "mean"), hash_of(weights, "native")
    assert plain == hashlib.sha256(b"1234").hexdigest()
    assert len(native) == 64
    weights.write_bytes(b"1235")
    assert len({plain, native, hash_of(weights, "mean"), hash_of(weights, "native")}) == 4

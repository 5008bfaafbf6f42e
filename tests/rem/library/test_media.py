from rem.library.media import build_recording_id, read_folder

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "


def test_a_folder_is_decided_by_content_not_by_name(tmp_path):
    (tmp_path / "memo.qta").write_bytes(b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "take.weird").write_bytes(WAV)
    (tmp_path / "page.mp3").write_text("<html>sorry</html>")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "coming.mp4.part").write_bytes(b"\x00\x00\x00\x20ftypisom")
    content = read_folder(tmp_path)
    assert [path.name for path in content.taken] == ["memo.qta", "take.weird"]
    assert {path.name: reason for path, reason in content.skipped.items()} == {
        "page.mp3": "it is a web page (HTML): the address gave a page instead of the recording",
        "empty.wav": "it is empty",
        "coming.mp4.part": "it is still being written (.part)",
    }


def test_hidden_files_and_folders_are_left_out(tmp_path):
    (tmp_path / ".DS_Store").write_bytes(bytes(10))
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "take.wav").write_bytes(WAV)
    content = read_folder(tmp_path)
    assert (content.taken, content.skipped) == ([], {})


def test_recording_id_is_readable_and_valid(tmp_path):
    assert build_recording_id(tmp_path / "Mein Gespräch (2).m4a", "0123456789") == "Mein-Gespr-ch-2-01234567"
    assert build_recording_id(tmp_path / "...wav", "0123456789").endswith("01234567")

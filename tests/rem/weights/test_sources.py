from rem.weights.sources import load_sources


def test_every_model_has_an_address_and_a_licence():
    for models in load_sources().values():
        for name, source in models.items():
            assert source.licence, name
            assert source.files or source.packages, name
            if source.files:
                assert len(source.revision) == 40, name


def test_each_kind_has_the_file_by_which_its_folder_is_known():
    sources = load_sources()
    assert all("model.bin" in source.files for source in sources["whisper"].values())
    assert all("config.yaml" in s.files or s.builder for s in sources["diarization"].values())


def test_the_default_models_need_no_account():
    sources = load_sources()
    assert not sources["whisper"]["base"].gated
    assert not sources["diarization"]["open"].gated

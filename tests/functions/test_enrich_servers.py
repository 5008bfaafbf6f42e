"""Language models' servers as they really answer, each way as a scripted answer of the local server."""

import json
import re
import traceback

import pytest

from functions.enrich.answers import SchemaError, read_answer
from functions.enrich.prompts import count_least_tokens, estimate_tokens
from functions.enrich.refusals import find_words
from functions.enrich.schemas import Chapters, Notes, Text
from rem.core.errors import AnswerError, BusyError, SetupError
from tests.functions.asking import KEY, LONG, SAID, build_model, run
from tests.openai_server import ANSWERS, Call, Reply, answer, chunk, completion, stream

GOOD = json.dumps(ANSWERS["Notes"])
TITLE = ANSWERS["Notes"]["title"]


@pytest.fixture(autouse=True)
def _environment(stage_environment):
    """Run each test under the settings of stages.yaml."""


def refuse_with(message: str, status: int = 400) -> Reply:
    return Reply(status, {"error": {"message": message}})


class TestAnswers:
    @pytest.mark.parametrize(
        "text",
        [
            f"```json\n{GOOD}\n```",
            f"```\n{GOOD}```",
            f"Here are the notes:\n\n{GOOD}\n\nLet me know if you need more {{details}}.",
            f"<think>They speak of {{payments}}.</think>\n{GOOD}",
            f"<thinking>\nLet me see: {{}}\n</thinking>\n\n```json\n{GOOD}\n```",
            f"The opening tag stands in the template.</think>{GOOD}",
            f"[THINK]hm[/THINK]{GOOD}",
            f"◁think▷hm◁/think▷{GOOD}",
            f"<|channel|>analysis<|message|>We need JSON.<|end|><|channel|>final<|message|>{GOOD}<|return|>",
            f"<think>First draft: {json.dumps({**ANSWERS['Notes'], 'title': 'Draft'})}</think>{GOOD}",
            f"First draft: {json.dumps({**ANSWERS['Notes'], 'title': 'Draft'})}\nBetter:\n{GOOD}",
            f"\ufeff  {GOOD}",
        ],
    )
    def test_json_is_found_in_fences_and_after_thoughts(self, server, text):
        server.script.append(completion(text))
        assert run(server)["note"]["title"] == TITLE
        assert len(server.calls) == 1

    def test_content_in_parts_is_read_without_the_thoughts_among_them(self, server):
        thoughts = {"type": "thinking", "thinking": [{"type": "text", "text": "{}"}]}
        server.script.append(completion([thoughts, {"type": "text", "text": GOOD}]))
        assert run(server)["note"]["title"] == TITLE

    def test_answer_that_the_server_took_for_thoughts_is_read(self, server):
        server.script.append(completion("", thoughts=GOOD))
        assert run(server)["note"]["title"] == TITLE

    def test_thoughts_beside_the_answer_are_ignored(self, server):
        server.script.append(completion(GOOD, thoughts='{"title": "no"}'))
        assert run(server)["note"]["title"] == TITLE

    def test_complete_answer_at_the_limit_of_tokens_is_read(self, server):
        server.script.append(completion(GOOD, finish="length"))
        assert run(server)["note"]["title"] == TITLE

    def test_answer_that_was_all_thoughts_is_cut_off(self, server):
        server.script.append(completion("", finish="length", thoughts="Let me think about"))
        with pytest.raises(AnswerError, match="cut off at 4000 tokens"):
            run(server)
        assert len(server.calls) == 1

    @pytest.mark.parametrize(
        "text", ["{" * 10_000, '{"a":' * 10_000, "[" * 10_000, "}" * 9, "", "null", "[]"]
    )
    def test_no_text_breaks_the_reader(self, text):
        with pytest.raises(SchemaError):
            read_answer(text, Notes)


class TestSecondRequest:
    BROKEN = json.dumps(
        {**ANSWERS["Notes"], "actionItems": [{"text": "Repair it", "owner": "Ben"}], "mood": 1}
    )

    def test_shows_the_model_its_answer_and_the_error(self, server):
        server.script.append(completion(f"<think>hm</think>{self.BROKEN}", completion_tokens=70))
        note = run(server)["note"]
        assert note["title"] == TITLE
        first, second = (call.body["messages"] for call in server.calls)
        assert second[:2] == first
        assert [message["role"] for message in second] == ["system", "user", "assistant", "user"]
        assert second[2]["content"] == self.BROKEN
        assert "actionItems.0.segmentIds: Field required" in second[3]["content"]
        assert "mood: Extra inputs are not permitted" in second[3]["content"]
        assert note["usage"] | {"llmUsd": 0} == {
            "requests": 2,
            "inputTokens": 2 * 1200,
            "cachedTokens": 0,
            "outputTokens": 70 + 150,
            "llmUsd": 0,
        }

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("Sorry, here is a poem.", "json_invalid"),
            ('{"title": "Pay', "json_invalid"),
            ('{"title": "secret words"}', r"6 problem\(s\), the first is missing"),
            (json.dumps({**ANSWERS["Notes"], "secret words": 1}), "1 problem.*extra_forbidden"),
            (json.dumps([ANSWERS["Notes"], "x"])[:40], "json_invalid"),
        ],
    )
    def test_is_the_only_one(self, server, text, problem):
        server.script += [completion(text), completion(text)]
        with pytest.raises(AnswerError) as caught:
            run(server)
        assert re.search(f"not a Notes, also when it is asked again: .*{problem}", str(caught.value))
        assert "secret words" not in "".join(traceback.format_exception(caught.value))
        assert len(server.calls) == 2

    def test_is_made_for_each_part_of_a_long_recording(self, server, monkeypatch):
        monkeypatch.setenv("REM_ENRICH_INPUT_TOKENS", "3000")
        server.reply = lambda call: completion("no") if len(call.body["messages"]) == 2 else None
        assert run(server, said=LONG)["note"]["title"] == TITLE
        assert {len(call.body["messages"]) for call in server.calls} == {2, 4}

    def test_is_not_made_under_a_spending_ceiling_that_knows_of_one_only(self, server):
        server.script.append(completion("no"))
        with pytest.raises(AnswerError, match="is not a Notes: "):
            run(server, model=build_model(server, may_repeat=False))
        assert len(server.calls) == 1


def cut_at(tokens):
    """A server like Ollama's: it reads no more of a prompt than fits, says so in its count, and answers."""
    return lambda call: answer(ANSWERS[call.schema], prompt_tokens=min(call.tokens, tokens))


class TestCutPrompt:
    def test_transcript_is_read_in_parts_that_fit(self, server):
        server.reply = cut_at(4095)
        note = run(server, said=LONG)["note"]
        whole, *parts, merge = server.calls
        assert whole.tokens > 4095
        assert len(parts) > 2
        sent = [line for call in parts for line in call.texts["user"].splitlines() if line[0] != "<"]
        assert [line.split(": ")[1] for line in sent] == [text for _, text in LONG]
        assert all(call.tokens + call.body["max_completion_tokens"] < 4095 for call in [*parts, merge])
        assert note["title"] == TITLE
        assert "reads 4,095 tokens at once, so the recording was read in parts" in note["remark"]
        assert "REM_ENRICH_INPUT_TOKENS=4095" in note["remark"]

    @pytest.mark.parametrize(
        "refusal",
        [
            refuse_with("the request exceeds the available context size (4096 tokens), try increasing it"),
            Reply(400, {"error": {"code": 400, "message": "too long", "n_ctx": 4096}}),
            Reply(
                400,
                {
                    "object": "error",
                    "message": "This model's maximum context length is 4096 tokens. However, you requested "
                    "33020 tokens (29020 in the messages, 4000 in max_completion_tokens).",
                    "type": "BadRequestError",
                    "code": 400,
                },
            ),
            refuse_with("maximum context length is 4096 tokens", status=500),
            refuse_with("the model is loaded with context length of only 4096 tokens"),
            refuse_with("prompt is too long: 33000 tokens > 4096 maximum"),
        ],
    )
    def test_prompt_that_is_refused_as_too_long_is_read_in_parts_too(self, server, refusal):
        server.reply = lambda call: refusal if call.tokens + 4000 > 4096 and len(server.calls) == 1 else None
        note = run(server, said=LONG)["note"]
        assert note["title"] == TITLE
        assert "reads 4,096 tokens at once" in note["remark"]
        assert all(call.body["max_completion_tokens"] <= 4096 // 6 for call in server.calls[1:])

    def test_count_below_every_context_keeps_the_note_and_says_so(self, server):
        server.reply = cut_at(900)
        note = run(server, said=LONG)["note"]
        assert len(server.calls) == 1
        assert note["title"] == TITLE
        assert re.search(r"counted 900 of at least [\d,]+ tokens.*may rest on a part", note["remark"])

    def test_server_that_cuts_the_smallest_part_keeps_the_note_and_says_so(self, server, monkeypatch):
        monkeypatch.setattr("tests.openai_server.LEAST_COUNT", 1)
        lines = [("SPEAKER_00", "a b c d e f g h i j k l m n o p q r s t u v w x y z " * 4)] * 60
        server.reply = cut_at(2000)
        note = run(server, said=lines)["note"]
        assert note["title"] == TITLE
        assert "remark" in note

    def test_context_that_is_too_small_for_any_part_is_named(self, server):
        server.reply = lambda call: refuse_with("maximum context length is 512 tokens")
        with pytest.raises(SetupError, match="512 tokens; give the model a larger context"):
            run(server, said=LONG)

    def test_under_a_ceiling_the_note_is_kept_and_says_so(self, server):
        server.reply = cut_at(4095)
        note = run(server, said=LONG, model=build_model(server, may_repeat=False))["note"]
        assert len(server.calls) == 1
        assert "may rest on a part" in note["remark"]

    def test_whole_prompt_has_no_remark(self, server):
        assert "remark" not in run(server, said=LONG)["note"]

    @pytest.mark.parametrize(
        ("text", "tokens"),
        [
            ("The payment service failed last night.", 7),
            ("Donaudampfschifffahrtsgesellschaft", 8),
            ("客観的実在の判断的知識が成立するのである", 11),
            ("그는 이리저리 피하면서 길 한 옆으로 걸어갔다", 14),
            ("", 0),
        ],
    )
    def test_bounds_hold_real_counts_between_them(self, text, tokens):
        assert count_least_tokens(text) <= tokens <= max(estimate_tokens(text), tokens and 1)


class TestCounts:
    @pytest.mark.parametrize(
        "usage",
        [
            None,
            {},
            {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
            {"completion_tokens": 3, "prompt_tokens": 0},
            {"prompt_tokens": 50, "completion_tokens": 9, "prompt_tokens_details": None},
            {"prompt_tokens": 90, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": None}},
        ],
    )
    def test_missing_counts_lose_no_note(self, server, usage):
        reply = completion(GOOD)
        reply.body["usage"] = usage and {"prompt_tokens": None, **usage}
        server.script.append(reply)
        note = run(server)["note"]
        assert note["title"] == TITLE
        assert note["usage"]["inputTokens"] > 0
        assert note["usage"]["outputTokens"] > 0
        assert note["usage"]["llmUsd"] > 0

    def test_counts_that_are_missing_for_embeddings_are_estimated(self, server):
        rows = [{"object": "embedding", "index": i, "embedding": [1.0, 2.0]} for i in range(len(SAID))]
        server.script.append(Reply(200, {"object": "list", "data": rows, "model": "m"}))
        assert run(server, "embeddings")["note"]["usage"]["inputTokens"] > 0


class TestErrorsInsideOfA200:
    @pytest.mark.parametrize(
        ("error", "expected", "sentence"),
        [
            ({"code": 429, "message": "Rate limit exceeded: free-models-per-min"}, BusyError, "rate limit"),
            ({"code": 502, "message": "Provider returned error", "metadata": {"raw": "upstream is down"}},
             BusyError, "502 .*Provider returned error: upstream is down"),
            ({"code": "rate_limit_exceeded", "message": "slow down"}, BusyError, "rate limit"),
            ({"type": "overloaded_error", "message": "Overloaded"}, BusyError, "503 .*Overloaded"),
            ({"message": "The model is temporarily overloaded"}, BusyError, "with an error .*overloaded"),
            ({"code": 401, "message": "No auth credentials found"}, SetupError, "API key"),
            ({"code": 402, "message": "Insufficient credits"}, SetupError, "no credit"),
            ({"code": "insufficient_quota", "message": "no money"}, SetupError, "no credit"),
            ({"code": 400, "message": "m is not a valid model ID"}, SetupError, "400 .*not a valid model ID"),
            ({"code": "model_not_found", "message": "no m here"}, SetupError, "404 .*no m here"),
            ({"message": "the tensors are confused"}, AnswerError, "an error for .*the tensors are confused"),
            ("the tensors are confused", AnswerError, "the tensors are confused"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("recipe", ["notes", "embeddings"])
    def test_are_retried_or_refused_by_their_kind_with_their_own_words(
        self, server, recipe, error, expected, sentence
    ):
        server.script.append(Reply(200, {"error": error, "user_id": "u"}))
        with pytest.raises(expected, match=f"(?s){sentence}"):
            run(server, recipe)
        assert len(server.calls) == 1

    def test_in_the_choice_are_found(self, server):
        reply = completion("", finish="error")
        reply.body["choices"][0]["error"] = {"code": 502, "message": "Upstream went away"}
        server.script.append(reply)
        with pytest.raises(BusyError, match=r"502 for .*Upstream went away"):
            run(server)

    def test_key_in_the_words_is_not_repeated(self, server):
        server.script.append(Reply(200, {"error": {"message": f"who is {KEY}?"}}))
        with pytest.raises(AnswerError, match=r"who is \*\*\*\?"):
            run(server)


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "body", "words"),
        [
            (422, {"detail": [{"loc": ["body", "messages", 0], "msg": "field required", "type": "missing"}]},
             "body.messages.0: field required"),
            (422, {"detail": "Model m is not loaded"}, "Model m is not loaded"),
            (422, {"object": "error", "message": {"detail": [{"loc": ["body", "n"], "msg": "Extra inputs"}]}},
             "body.n: Extra inputs"),
            (400, {"object": "error", "message": "The chat template is missing", "code": 400},
             "The chat template is missing"),
            (400, {"error": "Model is unloaded or crashed"}, "Model is unloaded or crashed"),
            (400, {"error": {"message": "bad thing", "type": "x", "code": None}}, "bad thing"),
            (404, {"error": {"message": "model not found, try pulling it first"}}, "try pulling it first"),
            (400, "plain words", "plain words"),
            (501, {"error": {"code": 501, "message": "not supported by this server"}}, "501 .*not supported"),
        ],
    )  # fmt: skip
    def test_own_words_reach_the_person(self, server, status, body, words):
        server.script.append(Reply(status, body))
        with pytest.raises(SetupError, match=words):
            run(server)

    @pytest.mark.parametrize(
        ("status", "message"),
        [(500, "model requires more system memory (5.5 GiB) than is available"), (503, "Loading model")],
    )
    def test_own_words_reach_the_person_when_the_server_is_busy(self, server, status, message):
        server.script.append(Reply(status, {"error": {"message": message}}))
        with pytest.raises(BusyError, match=re.escape(message)):
            run(server)

    def test_words_do_not_repeat_what_was_sent(self, server):
        said = "[{'type': 'missing', 'msg': 'Field required', 'input': {'secret': 'words'}}]"
        server.script.append(Reply(400, {"message": said}))
        with pytest.raises(SetupError, match="Field required") as caught:
            run(server)
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("body", [None, 7, [], {}, {"error": None}, {"error": {}}, "<p>no</p>"])
    def test_body_without_words_has_none(self, body):
        assert find_words(body) == ""


def refuse(*patterns: str, message: str, status: int = 400):
    """A server that refuses requests in whose JSON a pattern stands."""

    def reply(call: Call):
        sent = json.dumps({name: value for name, value in call.body.items() if name != "messages"})
        refused = any(re.search(pattern, sent) for pattern in patterns)
        return refuse_with(message, status) if refused else completion(GOOD)

    return reply


class TestDialects:
    @pytest.mark.parametrize(
        ("status", "message"),
        [
            (400, "This response_format type is unavailable now"),
            (400, "'response_format.type' must be 'text'"),
            (400, "This model does not support response format `json_schema`."),
            (500, 'response_format type must be one of "text" or "json_object", but got: json_schema'),
            (422, "Failed to compile the grammar"),
        ],
    )
    def test_without_structured_output_the_schema_stands_in_the_prompt(self, server, status, message):
        server.reply = refuse("response_format", message=message, status=status)
        assert run(server)["note"]["title"] == TITLE
        first, second = server.calls
        assert "response_format" not in second.body
        assert '"summarySegmentIds"' in second.texts["system"]
        assert second.texts["user"] == first.texts["user"]

    def test_what_a_server_lacks_is_asked_for_once(self, server, monkeypatch):
        monkeypatch.setenv("REM_ENRICH_INPUT_TOKENS", "3000")
        server.reply = refuse("response_format", message="response_format is not supported")
        run(server, said=LONG)
        assert ["response_format" in call.body for call in server.calls].count(True) == 1

    def test_older_name_of_the_limit_and_a_strict_list_of_parameters(self, server):
        replies = {
            "store": "store: Extra inputs are not permitted",
            "max_completion_tokens": "max_completion_tokens: Extra inputs are not permitted",
        }

        def reply(call):
            refused = [message for name, message in replies.items() if name in call.body]
            return Reply(422, {"detail": refused[0]}) if refused else completion(GOOD)

        server.reply = reply
        assert run(server)["note"]["title"] == TITLE
        assert len(server.calls) == 3
        assert server.calls[2].body["max_tokens"] == 4000

    def test_refusal_that_names_the_same_feature_again_ends(self, server):
        server.reply = lambda call: refuse_with("response_format is wrong")
        with pytest.raises(SetupError, match="response_format is wrong"):
            run(server)
        assert len(server.calls) == 2


class TestStreams:
    EVENTS = (
        chunk("", usage=None),
        *(chunk(GOOD[i : i + 40]) for i in range(0, len(GOOD), 40)),
        chunk(finish="stop"),
        {"choices": [], "usage": {"prompt_tokens": 1300, "completion_tokens": 90}},
    )

    @pytest.mark.parametrize(
        "refusal",
        [refuse_with("This model only support stream mode, please enable the stream parameter"), stream()],
    )
    def test_server_that_only_streams_is_heard(self, server, refusal):
        server.script += [refusal, stream(*self.EVENTS)]
        note = run(server)["note"]
        assert note["title"] == TITLE
        assert (note["usage"]["inputTokens"], note["usage"]["outputTokens"]) == (1300, 90)
        assert server.calls[1].body["stream"] is True

    def test_error_in_the_stream_is_that_error(self, server):
        server.script += [
            stream(),
            stream(chunk("{"), {"error": {"code": 502, "message": "Provider disconnected"}}),
        ]
        with pytest.raises(BusyError, match=r"502 .*Provider disconnected"):
            run(server)

    def test_stream_that_ends_at_the_limit_is_cut_off(self, server):
        server.script += [stream(), stream(chunk("{"), chunk(finish="length"))]
        with pytest.raises(AnswerError, match="cut off"):
            run(server)

    def test_stream_of_thoughts_and_no_answer_is_empty(self, server):
        server.script += [stream(), stream(chunk(finish="stop"))]
        with pytest.raises(AnswerError, match="is empty"):
            run(server)


def test_own_recipes_answers_are_read_in_the_same_way():
    assert read_answer('```{"text": "a {curly} text", "segmentIds": [1]}```', Text).text == "a {curly} text"
    assert read_answer('{"chapters": []}', Chapters).chapters == []

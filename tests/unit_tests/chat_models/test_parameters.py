"""What reaches the service of the parameters that users of `ChatOpenAI` know, and what copies of a model are."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import HumanMessage
from langchain_core.runnables import ConfigurableField

from langchain_nvgateway import ChatNIM, ChatNVGateway, ConfigurationError, StarfleetTokenProvider
from langchain_nvgateway.emulator import Emulator, Fault, Reply

from .calling import STYLES, Call, Endpoint
from .raw_server import completion


@pytest.mark.parametrize("model", ["o3-mini", "o4-mini", "gpt-5", "gpt-5-mini", "gpt-5-nano"])
@pytest.mark.parametrize("where", ["built", "per call", "bound"])
def test_a_reasoning_model_gets_the_parameters_that_it_takes(
    model: str, where: str, gateway: Endpoint, call: Call
) -> None:
    """`max_completion_tokens`, and no temperature, wherever the parameters come from."""
    settings: dict[str, Any] = {"model": model, "temperature": 0.5, "max_tokens": 50, "top_p": 0.9}
    if where == "built":
        call(gateway.model(**settings))
    elif where == "per call":
        call(gateway.model(), **settings)
    else:
        call(gateway.model().bind(**settings))
    body = gateway.chats[0].json
    assert body["max_completion_tokens"] == 50
    assert not {"temperature", "top_p", "max_tokens"} & set(body)


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-5-chat"])
def test_another_model_keeps_its_temperature(model: str, gateway: Endpoint, call: Call) -> None:
    """`gpt-5-chat` is no reasoning model."""
    gateway.service.fail_always(
        Fault(body=completion({"content": "fine"}), headers={"content-type": "application/json"})
    )
    call(gateway.model(model=model, temperature=0.5, max_tokens=50))
    body = gateway.chats[0].json
    assert body["temperature"] == 0.5
    assert body.get("max_tokens") == 50 or body.get("max_completion_tokens") == 50


@pytest.mark.parametrize("style", STYLES)
def test_a_model_of_one_call_changes_the_deployment(style: str, gateway: Endpoint) -> None:
    """It is in the URL, not only in the body."""
    answer = STYLES[style](gateway.model(), model="gpt-4o")
    assert gateway.chats[0].path.endswith("/deployments/gpt-4o/chat/completions")
    assert answer.response_metadata["model_name"] == "gpt-4o-2024-11-20"
    assert answer.response_metadata["nvgateway"]["model"] == "gpt-4o"


def test_the_flat_route_has_the_model_in_the_body(gateway: Endpoint, call: Call) -> None:
    """And no `api-version`."""
    call(gateway.model(route="flat"))
    (request,) = gateway.chats
    assert request.path == "/llm/v1/azure/chat/completions"
    assert request.json["model"] == "gpt-4o-mini"


def test_a_slash_at_the_end_of_the_base_url_is_no_matter(gateway: Endpoint, call: Call) -> None:
    """It is common."""
    call(gateway.model(base_url=gateway.emu.env["LLM_GATEWAY_BASE_URL"] + "/"))
    assert "//" not in gateway.chats[0].path


def test_the_settings_reach_the_service(gateway: Endpoint, call: Call) -> None:
    """Version, classification and source, scope."""
    call(gateway.model(api_version="2024-06-01", data_classification="confidential", data_source="internet"))
    (request,) = gateway.chats
    assert request.query == {"api-version": "2024-06-01"}
    assert request.headers["dataclassification"] == "confidential"
    assert request.headers["datasource"] == "internet"


@pytest.mark.parametrize(
    "wrong", [{"route": "x"}, {"data_classification": "open"}, {"data_source": "x"}, {"api_version": "a&b"}]
)
def test_a_setting_that_is_none_is_refused(wrong: dict[str, str], gateway: Endpoint) -> None:
    """The message names it."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        gateway.model(**wrong)


def test_settings_come_from_arguments_then_the_environment_then_defaults(
    gateway: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blank variable counts as none."""
    assert ChatNVGateway().model_name == "gpt-4o-mini"
    monkeypatch.setenv("LLM_GATEWAY_MODEL", "  ")
    monkeypatch.setenv("LLM_GATEWAY_API_VERSION", "2024-06-01")
    assert ChatNVGateway().model_name == "gpt-4o-mini"
    monkeypatch.setenv("LLM_GATEWAY_MODEL", "gpt-4.1")
    assert ChatNVGateway().model_name == "gpt-4.1"
    assert ChatNVGateway(model="gpt-4o").model_name == "gpt-4o"
    assert ChatNVGateway(model_name="gpt-4o").model_name == "gpt-4o"
    assert ChatNVGateway().api_version == "2024-06-01"
    assert ChatNVGateway(api_version="2023-05-15").api_version == "2023-05-15"


def test_extra_body_headers_and_query_are_sent(endpoint: Endpoint, call: Call) -> None:
    """As `openai` does, per model and per call."""
    model = endpoint.model(default_headers={"X-One": "1"}, default_query={"q": "1"}, extra_body={"seed": 5})
    call(model, extra_headers={"X-Two": "2"}, extra_query={"r": "2"})
    (request,) = endpoint.chats
    assert (request.headers["x-one"], request.headers["x-two"]) == ("1", "2")
    assert (request.query["q"], request.query["r"], request.json["seed"]) == ("1", "2", 5)
    assert not {"extra_headers", "extra_query", "extra_body"} & set(request.json)


def test_parameters_that_were_not_given_are_not_sent(endpoint: Endpoint, call_whole: Call) -> None:
    """The service's defaults hold."""
    call_whole(endpoint.model())
    assert {name for name, value in endpoint.chats[0].json.items() if value is not None} <= {
        "messages",
        "model",
        "stream",
    }


def test_stop_and_seed_and_logprobs_work(gateway: Endpoint, call: Call) -> None:
    """Log probabilities are on the answer, in streams joined."""
    answer = call(gateway.model(logprobs=True, top_logprobs=2, seed=1), stop=["zzz"])
    assert answer.response_metadata["logprobs"]["content"]
    assert gateway.chats[0].json["stop"] == ["zzz"]


@pytest.mark.parametrize("style", ["generate", "agenerate"])
def test_several_answers_can_be_asked_for(style: str, gateway: Endpoint) -> None:
    """Each with the metadata of the call."""
    model = gateway.model(n=3)
    messages: Any = [[HumanMessage("Hello")]]
    result = model.generate(messages) if style == "generate" else asyncio.run(model.agenerate(messages))
    assert len(result.generations[0]) == 3
    ids = {generation.message.response_metadata["correlation_id"] for generation in result.generations[0]}
    assert ids == {gateway.chats[0].headers["correlationid"]}


@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": 2, "streaming": True}])
def test_a_number_of_answers_that_makes_no_sense_is_refused(wrong: dict[str, Any], endpoint: Endpoint) -> None:
    """The message names the setting."""
    with pytest.raises(ConfigurationError, match=r"\bn\b"):
        endpoint.model(**wrong)


def test_the_headers_of_the_answer_can_be_had(gateway: Endpoint, call: Call) -> None:
    """Once, in streams too."""
    answer = call(gateway.model(include_response_headers=True))
    assert answer.response_metadata["headers"]["x-ratelimit-remaining-requests"] == "499"


def test_usage_is_counted_once(endpoint: Endpoint, call: Call) -> None:
    """By LangChain's own callback, whole or streamed."""
    model = endpoint.model()
    with get_usage_metadata_callback() as counted:
        answer = call(model)
    ((_, usage),) = counted.usage_metadata.items()
    assert usage["total_tokens"] == answer.usage_metadata["total_tokens"] > 0


def test_a_configurable_field_changes_the_call(gateway: Endpoint, call: Call) -> None:
    """LangGraph's `configurable` may choose the model and the temperature."""
    model = gateway.model().configurable_fields(
        model_name=ConfigurableField(id="model"), temperature=ConfigurableField(id="temperature")
    )
    call(model, config={"configurable": {"model": "gpt-4o", "temperature": 0.25}})
    (request,) = gateway.chats
    assert request.model == "gpt-4o"
    assert request.json["temperature"] == 0.25
    assert len(gateway.emu.starfleet.requests) == 1


def test_configurable_alternatives_change_the_model(emu: Emulator, call: Call) -> None:
    """Either service by name."""
    gateway, nim = Endpoint("gateway", emu), Endpoint("nim", emu)
    model = nim.model().configurable_alternatives(ConfigurableField(id="provider"), gateway=gateway.model())
    call(model, config={"configurable": {"provider": "gateway"}})
    assert (len(gateway.chats), len(nim.chats)) == (1, 0)


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda model: model.model_copy(), lambda model: model.model_copy(deep=True),
     lambda model: pickle.loads(pickle.dumps(model))],
    ids=["copy", "deepcopy", "model_copy", "deep model_copy", "pickle"],
)  # fmt: skip
def test_a_copy_is_as_good_as_its_original(duplicate: Any, endpoint: Endpoint, call: Call) -> None:
    """Same settings, same token."""
    original = endpoint.model(temperature=0.5, first_token_timeout=7, max_retries=3)
    call(original)
    duplicate_ = duplicate(original)
    assert call(duplicate_).text
    names = ("temperature", "first_token_timeout", "max_retries", "request_timeout", "openai_api_base", "model_name")
    assert [getattr(duplicate_, name) for name in names] == [getattr(original, name) for name in names]
    assert len(endpoint.emu.starfleet.requests) == (1 if endpoint.name == "gateway" else 0)


@pytest.mark.parametrize("name", ["timeout", "first_token_timeout", "max_retries"])
def test_no_limit_survives_pickling(name: str, endpoint: Endpoint) -> None:
    """An explicit `None` is not the default."""
    model = endpoint.model(**{name: None})
    again = pickle.loads(pickle.dumps(model))
    field = "request_timeout" if name == "timeout" else name
    assert getattr(again, field) == getattr(model, field) is None


def test_a_copy_with_an_own_provider_shares_it(gateway: Endpoint) -> None:
    """A deep copy of a token provider is the provider."""
    env = gateway.emu.env
    provider = StarfleetTokenProvider(env["STARFLEET_TOKEN_URL"], env["STARFLEET_ID"], env["STARFLEET_SECRET"])
    model = gateway.model(token_provider=provider)
    for one in (model, copy.deepcopy(model), model.model_copy(deep=True), model.bind(temperature=0)):
        one.invoke("Hello")
    assert len(gateway.emu.starfleet.requests) == 1


def test_the_cache_tells_endpoints_apart(emu: Emulator, call_whole: Call) -> None:
    """The same model name on two services, routes or versions is not the same answer."""
    cache = InMemoryCache()
    gateway = Endpoint("gateway", emu)
    emu.nim.models.append("gpt-4o")
    settings: dict[str, Any] = {"model": "gpt-4o", "cache": cache, "timeout": 20, "max_retries": 0}
    models = [
        ChatNVGateway(**settings),
        ChatNVGateway(route="flat", **settings),
        ChatNVGateway(api_version="2024-06-01", **settings),
        ChatNIM(**settings),
        ChatNVGateway(temperature=0.5, **settings),
    ]
    for _ in range(2):
        for model in models:
            call_whole(model)
    assert len(gateway.chats) + len(Endpoint("nim", emu).chats) == len(models)


def test_the_cache_gives_no_unchecked_answer_to_a_strict_model(nim: Endpoint, call_whole: Call) -> None:
    """One that was accepted elsewhere as it came."""
    cache = InMemoryCache()
    nim.service.reply_next(Reply(tool_calls=[("shell", '{"command": "rm')]))
    call_whole(nim.model(cache=cache, strict_answers=False))
    nim.service.reply_next(Reply(text="Hello yourself."))
    assert call_whole(nim.model(cache=cache)).text == "Hello yourself."


def test_the_cache_knows_a_model_that_is_built_anew(endpoint: Endpoint, call_whole: Call) -> None:
    """Equal settings have one key, and it holds no secret."""
    cache = InMemoryCache()
    first = call_whole(endpoint.model(cache=cache))
    assert call_whole(endpoint.model(cache=cache)).text == first.text
    assert len(endpoint.chats) == 1
    assert "fake-" not in str(cache._cache.keys())


def test_the_trace_names_the_service(endpoint: Endpoint) -> None:
    """`ls_provider` is ours, `model_provider` selects LangChain's translation."""
    model = endpoint.model()
    assert model._get_ls_params()["ls_provider"] == {"gateway": "nvidia-gateway", "nim": "nvidia-nim"}[endpoint.name]
    assert model._get_ls_params(model="other")["ls_model_name"] == "other"


def test_an_unknown_parameter_reaches_the_service(endpoint: Endpoint, call: Call) -> None:
    """`model_kwargs` and call arguments, as in `ChatOpenAI`."""
    call(endpoint.model(model_kwargs={"user": "me"}), presence_penalty=0.5)
    body = endpoint.chats[0].json
    assert (body["user"], body["presence_penalty"]) == ("me", 0.5)


def test_text_with_a_lone_surrogate_can_be_sent(endpoint: Endpoint, call: Call) -> None:
    """A tool's output may have been cut anywhere."""
    endpoint.service.reply_next(Reply(text="fine"))
    assert call(endpoint.model(), "half an emoji: \ud83c").text == "fine"
    assert endpoint.chats[0].json["messages"][0]["content"].startswith("half an emoji")


@pytest.mark.parametrize("name", ["nvidia_api_key", "temprature", "api_kee", "of_nobody"])
def test_a_keyword_that_there_is_not_is_refused(name: str, endpoint: Endpoint) -> None:
    """It would be sent to the service and be shown in `repr`, and it may be a misspelt secret."""
    with pytest.raises(ConfigurationError, match=name) as caught:
        endpoint.model(**{name: "fake-secret"})
    assert "fake-secret" not in str(caught.value)


def test_parameters_of_the_services_own_are_sent(endpoint: Endpoint, call: Call) -> None:
    """In `model_kwargs`, where they are meant."""
    call(endpoint.model(model_kwargs={"top_k": 5}))
    assert endpoint.chats[0].json["top_k"] == 5

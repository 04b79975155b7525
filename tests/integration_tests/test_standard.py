"""LangChain's standard integration tests, against the emulator; and that none of them is left out in silence."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests

from tests.integration_tests.standard_suites import (
    DESELECTED,
    LEFT_OUT,
    NIM_ONLY,
    ROLE_ONLY,
    FlatGatewaySettings,
    GatewaySettings,
    NIMSettings,
)


class TestGatewayStandard(GatewaySettings, ChatModelIntegrationTests):
    """`ChatNVGateway`."""


class TestFlatGatewayStandard(FlatGatewaySettings, ChatModelIntegrationTests):
    """`ChatNVGateway` on its flat route."""


class TestNIMStandard(NIMSettings, ChatModelIntegrationTests):
    """`ChatNIM`."""


class _StructuredOutput:
    """Structured output by one method in all the tests that have any."""

    method = ""

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": self.method}


class TestGatewayFunctionCalling(_StructuredOutput, GatewaySettings, ChatModelIntegrationTests):
    """`ChatNVGateway`, structured output by function calling."""

    method = "function_calling"


# The suite hands in a class of pydantic 1, about which langchain-openai warns before it takes another method.
_old_pydantic = pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema")


@_old_pydantic
class TestGatewayJSONSchema(_StructuredOutput, GatewaySettings, ChatModelIntegrationTests):
    """`ChatNVGateway`, structured output by JSON schema."""

    method = "json_schema"


class TestNIMFunctionCalling(_StructuredOutput, NIMSettings, ChatModelIntegrationTests):
    """`ChatNIM`, structured output by function calling."""

    method = "function_calling"


@_old_pydantic
class TestNIMJSONSchema(_StructuredOutput, NIMSettings, ChatModelIntegrationTests):
    """`ChatNIM`, structured output by JSON schema."""

    method = "json_schema"


def test_exactly_the_listed_tests_of_the_suites_are_left_out(request: pytest.FixtureRequest) -> None:
    """Each with a reason; a test that is new in the suites runs."""
    left_out = request.config.stash[LEFT_OUT]
    collected = {item.cls for item in request.session.items if item.cls is not None}
    ours = {TestGatewayStandard, TestFlatGatewayStandard, TestNIMStandard}
    if not ours <= collected:  # Somebody runs a part of the tests.
        names = {name for name, _ in left_out}
        assert names <= {*DESELECTED, *NIM_ONLY, *ROLE_ONLY}
        return
    integration = {"test_serdes", "test_init_time"}
    for cls in ours:
        found = {name for name, item_class in left_out if item_class is cls}
        assert found == {*DESELECTED, *(NIM_ONLY if issubclass(cls, NIMSettings) else ())} - integration

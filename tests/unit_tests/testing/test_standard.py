"""LangChain's standard unit tests on a scripted model."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_nvgateway.testing import ScriptedChatModel
from tests.integration_tests.standard_suites import ScriptedSettings

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")


class TestScriptedStandardUnit(ScriptedSettings, ChatModelUnitTests):
    """The unit tests; a script reads nothing from the environment."""

    @property
    def chat_model_class(self) -> type[ScriptedChatModel]:
        return ScriptedChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "tiny"}

"""LangChain's standard tests, unit and integration, on a role whose first leg is out."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_nvgateway import ModelManager
from tests.integration_tests.standard_suites import RoleSettings

from .composing import GATEWAY_LEG, NIM_LEG

pytestmark = pytest.mark.filterwarnings(
    # The suite hands in a class of pydantic 1, about which langchain-openai warns before it takes another method.
    "ignore:Received a Pydantic BaseModel V1 schema"
)


class _Role(RoleSettings):
    """What the Gateway supports, since it answers."""

    @property
    def chat_model_class(self) -> Any:
        """Build roles with the suite's parameters, as it builds models of a class."""

        def build(*, api_key: Any = None, **parameters: Any) -> BaseChatModel:
            manager = ModelManager.from_env()
            manager.breakers[NIM_LEG].force_open()  # The suite expects a single chat model's run.
            return manager.model("planner", **parameters)

        return build

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"NVGATEWAY_PLANNER_MODELS": f"{NIM_LEG},{GATEWAY_LEG}"}, {}, {"role": "planner"}

    @pytest.fixture
    def model(self, request: Any) -> BaseChatModel:
        """The role's model."""
        extra = getattr(request, "param", None) or {}
        built: BaseChatModel = self.chat_model_class(**{**self.standard_chat_model_params, **extra})
        return built


class TestRoleStandardUnit(_Role, ChatModelUnitTests):
    """The unit tests."""


class TestRoleStandard(_Role, ChatModelIntegrationTests):
    """The integration tests."""

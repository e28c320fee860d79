"""Trying an expression before a feed or a hook is configured with it."""

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from service.sandbox.answers import read_json
from service.sandbox.endpoint import Endpoint
from service.sandbox.expressions import CompiledExpression, unescaped
from service.sandbox.refusals import ExpressionError, InvalidBodyError


class _Trial(BaseModel):
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    expression: CompiledExpression = Field(alias="Expression")
    document: str = Field(alias="Document")


class ExpressionRoutes:
    """Test an expression."""

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="POST",
                path="/api/orders/expressions/jsonata",
                handler=self._test,
                summary="Test expression",
                tag="Feed v3",
                vtex="Test JSONata expression",
                rule="True if the document meets it; 400 if it fails or takes too long.",
                body=_Trial,
                answer=bool,
            )
        ]

    async def _test(self, request: web.Request) -> web.Response:
        """Test an expression."""
        trial = await read_json(_Trial, request)
        try:
            document = orjson.loads(unescaped(trial.document))
        except orjson.JSONDecodeError:
            raise InvalidBodyError({"Document": "is not JSON"}) from None
        try:
            held = trial.expression.holds(document)
        except ExpressionError as error:
            raise InvalidBodyError({"Expression": str(error)}) from error
        return web.Response(body=orjson.dumps(held), content_type="application/json")

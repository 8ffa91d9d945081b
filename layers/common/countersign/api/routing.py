"""What the functions of the merchant API share: the router, who calls, in which language, and refusals as problems."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as RouteNotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from countersign.api.languages import accepted, chosen
from countersign.api.problems import as_problem
from countersign.api.requests import read_strictly
from countersign.api.scopes import require_scope
from countersign.errors import CountersignError, MalformedError, NotFoundError, UnprocessableError
from countersign.http import HttpReply
from countersign.orders.changes import OrderKey
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.orders.sentences import ENGLISH
from countersign.runtime import caller
from countersign.runtime.telemetry import count, invocation, logger

Json = dict[str, Any]
Event = dict[str, Any]
Name = Annotated[str, Path(max_length=128)]
Lang = Annotated[str, Query(max_length=8, description="en or zh; Accept-Language otherwise")]
Cursor = Annotated[str, Query(max_length=512)]
ORDER = "/orders/<platform>/<account>/<order_id>"
REFUND = f"{ORDER}/refunds/<refund_id>"
COMMON_PARAMETERS = frozenset({"lang"})
Record = Callable[[Event, caller.Caller], None]


def _caller(event: Event) -> caller.Caller:
    authorizer = event["requestContext"].get("authorizer") or {}
    return caller.from_claims((authorizer.get("jwt") or {}).get("claims") or {})


class MerchantApi:
    """The routes of one function; all it knows of a request it reads from the router."""

    def __init__(self) -> None:
        self.router = APIGatewayHttpResolver(enable_validation=True)
        self.router.use([self._known_parameters])
        self.router.exception_handler(CountersignError)(self._refused)
        self.router.exception_handler(RequestValidationError)(self._invalid)
        self.router.not_found(self._unknown_route)
        self._language = ENGLISH

    @property
    def caller(self) -> caller.Caller:
        """Who calls, by the claims that the gateway's authorizer accepted."""
        return _caller(self.router.current_event.raw_event)

    @property
    def language(self) -> str:
        """The language of the answer."""
        return self._language

    def decoded(self, name: str, given: str) -> str:
        """Return a part of the path as the gateway decoded it: the router's own is still percent-encoded."""
        return (self.router.current_event.path_parameters or {}).get(name, given)

    def key(self, platform: str, account: str, order_id: str) -> OrderKey:
        """Return the order that a path names."""
        names = {"platform": platform, "account": account, "order_id": order_id}
        return OrderKey(**{name: self.decoded(name, given) for name, given in names.items()})

    def handler(self, record: Record = lambda *_: None) -> Callable[[Event, Any], Event]:
        """Return the function's handler; `record` is told of each request that was answered well."""

        @invocation
        def lambda_handler(event: Event, context: Any) -> Event:
            count("ApiRequest")
            self._language = ENGLISH
            try:
                headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
                self._language = accepted(headers.get("accept-language", ""))
                read_strictly(event)
                query = event.get("queryStringParameters") or {}
                self._language = chosen(query.get("lang", ""), headers.get("accept-language", ""))
                require_scope(_caller(event), event["routeKey"])
            except CountersignError as error:
                return self._problem(error).to_event()
            answer: Event = self.router.resolve(event, context)
            if answer["statusCode"] < HTTPStatus.BAD_REQUEST:
                try:
                    record(event, _caller(event))
                except CountersignError as error:  # what was decided is decided: it must not look as if it were not
                    count("ActivityLost")
                    logger.error("not recorded in the activity", extra={"reason": str(error)})
            return answer

        return lambda_handler

    def _known_parameters(
        self, router: APIGatewayHttpResolver, following: Callable[[APIGatewayHttpResolver], Any]
    ) -> Any:
        """Refuse parameters that the route does not know: what is ignored in silence is believed to have worked."""
        event = router.current_event.raw_event
        known = {field.alias for field in router.context["_route"].dependant.query_params}
        unknown = sorted(set(event.get("queryStringParameters") or {}) - known - COMMON_PARAMETERS)
        if unknown:
            raise refusal(UnprocessableError, because("unknown_parameters", names=", ".join(unknown)))
        return following(router)

    def _problem(self, error: CountersignError) -> HttpReply:
        count(type(error).__name__)
        logger.warning("refused", extra={"error": type(error).__name__, "reason": str(error)})
        return as_problem(error, self.language)

    def _refused(self, error: CountersignError) -> Response[str]:
        reply = self._problem(error)
        return Response(reply.status, reply.content_type, reply.body, dict(reply.headers))

    def _invalid(self, error: RequestValidationError) -> Response[str]:
        """Name the fields that do not fit, never their values: 422 for a parameter, 400 for a body or a path."""
        faults = error.errors()
        fields = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults)
        in_query = all(fault["loc"][0] == "query" for fault in faults)
        kind = UnprocessableError if in_query else MalformedError
        return self._refused(refusal(kind, because("parameters_do_not_fit", fields=fields)))

    def _unknown_route(self, _error: RouteNotFoundError) -> Response[str]:
        reply = as_problem(refusal(NotFoundError, because("no_such_resource")), self.language)
        return Response(HTTPStatus.NOT_FOUND, reply.content_type, reply.body)

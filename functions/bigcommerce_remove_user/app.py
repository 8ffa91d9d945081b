"""GET /bigcommerce/{app}/remove-user: a store takes a user from the app, whose page ends at once."""

from countersign.http import HttpReply, HttpRequest
from countersign.platforms.bigcommerce import app_calls, replies
from countersign.platforms.bigcommerce.apps import Apps
from countersign.runtime.entrypoint import entrypoint
from countersign.runtime.telemetry import count
from countersign.store import OrderStore
from countersign.store.installs import InstallStore

apps = Apps()
store = OrderStore.from_environment()
installs = InstallStore(store.client, store.table, "bigcommerce")


@entrypoint(refused=replies.refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Verify, note that the user may not open the page any more, acknowledge; the same again changes nothing."""
    name = request.path_parameters["app"]
    app = apps.load(name)
    legacy = app.rules.accept_legacy_payload
    visit = app_calls.read_visit(request.raw_query, app.client_id, app.client_secrets, legacy=legacy, now=now)
    if visit.user_id:
        installs.remove(visit.store_hash, visit.user_id, now=now)
        count("AppUserRemoved")
    return replies.accepted()

"""GET /bigcommerce/{app}/uninstall: a store takes the app away; its token goes, what was recorded stays."""

from countersign.accounts import AccountDocuments
from countersign.errors import NotFoundError
from countersign.http import HttpReply, HttpRequest
from countersign.platforms.bigcommerce import app_calls, install, replies
from countersign.platforms.bigcommerce.apps import Apps
from countersign.runtime.entrypoint import entrypoint
from countersign.runtime.telemetry import count, logger
from countersign.store import OrderStore
from countersign.store.installs import InstallStore

apps = Apps()
store = OrderStore.from_environment()
installs = InstallStore(store.client, store.table, "bigcommerce")


@entrypoint(refused=replies.refused)
def lambda_handler(request: HttpRequest, now: int) -> HttpReply:
    """Verify, forget the token, acknowledge; the same again changes nothing, nor does one from before a new install."""
    name = request.path_parameters["app"]
    app = apps.load(name)
    legacy = app.rules.accept_legacy_payload
    visit = app_calls.read_visit(request.raw_query, app.client_id, app.client_secrets, legacy=legacy, now=now)
    if visit.issued_at < installs.state(visit.store_hash).installed_at:
        count("UninstallOutdated")
        return replies.accepted()
    documents = AccountDocuments(f"bigcommerce/{name}")
    try:
        known = documents.read(visit.store_hash)
    except NotFoundError:  # taken away before, or never installed here: BigCommerce need not try again
        return replies.accepted()
    if not known.get("uninstalled"):
        documents.write(visit.store_hash, install.uninstalled_document(known), forget=True)
        installs.uninstalled(visit.store_hash, now=now)
        count("AppUninstalled")
        logger.warning("the app was taken from a store", extra={"account": visit.store_hash})
    return replies.accepted()

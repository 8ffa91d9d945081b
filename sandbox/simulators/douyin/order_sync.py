"""Order sync as the product meets it: an app's token, and orders whose state it tells."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from sandbox.simulators.douyin.ledger import RefusedError

if TYPE_CHECKING:
    from sandbox.simulators.douyin.accounts import App
    from sandbox.simulators.douyin.platform import Platform

TOKEN_PATH, PUSH_PATH = "/api/apps/v2/token", "/api/apps/order/v2/push"
TOKEN_LIVES = 7200
WORDS = {0: "待支付", 1: "已支付", 2: "已取消", 4: "已核销", 5: "退款中", 6: "已退款", 8: "退款失败"}
SYSTEM_ERROR = -1
Fields = dict[str, Any]


class OrderSync:
    """The endpoints; what is wrong with a telling is a system error to the caller, as at the platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._tokens: dict[str, tuple[str, float]] = {}  # token -> app id and the end of its life

    def knows(self, path: str) -> bool:
        """Say whether the path is one of these endpoints."""
        return path in (TOKEN_PATH, PUSH_PATH)

    def answer(self, path: str, body: bytes) -> tuple[Fields, App | None]:
        """Answer a call."""
        fields = json.loads(body)
        if path == TOKEN_PATH:
            return self._token(fields)
        app_id, ends = self._tokens.get(str(fields.get("access_token")), ("", 0.0))
        app = self._platform.apps.numbered(app_id)
        if app is None or ends <= self._platform.clock.now() or not self._take(app, fields):
            return {"err_code": SYSTEM_ERROR, "err_msg": "system error", "body": ""}, app
        return {"err_code": 0, "err_msg": "", "body": ""}, app

    def _token(self, fields: Fields) -> tuple[Fields, App]:
        app = self._platform.apps.numbered(str(fields.get("appid", "")))
        if app is None or not app.secret or fields.get("secret") != app.secret:
            raise RefusedError(10003, "bad secret")
        token = secrets.token_hex(32)
        self._tokens[token] = (app.app_id, self._platform.clock.now() + TOKEN_LIVES)
        return {"err_no": 0, "err_tips": "success", "data": {"access_token": token, "expires_in": TOKEN_LIVES}}, app

    def _take(self, app: App, fields: Fields) -> bool:
        """Take a telling; one that is not newer than the last is taken and forgotten."""
        detail = json.loads(fields["order_detail"])
        state, at = fields["order_status"], fields["update_time"]
        trade = self._platform.ledger.find(app.app_id, str(detail["order_id"]), self._platform.clock.now())
        whole = all(
            item["title"] and item["img"] and item["amount"] > 0 and item["price"] >= 0 for item in detail["item_list"]
        )
        if trade is None or trade.system != "ecpay" or not whole or WORDS.get(state) != detail["status"]:
            return False
        if fields["app_name"] != "douyin" or fields["order_type"] != 0 or detail["total_price"] != trade.total:
            return False
        if str(fields["open_id"]).startswith("ide"):  # an open id of the developer tool, not of a device
            return False
        if not trade.told or at > trade.told[-1]["update_time"]:
            trade.told.append({"order_status": state, "update_time": at})
        return True

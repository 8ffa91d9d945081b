"""Feie's cloud: one address, the call's name in a field, errors as numbers in an HTTP 200."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import time
from typing import TYPE_CHECKING, Any

from sandbox.simulators.printers.shop import ABNORMAL, OFFLINE, OK, Job, Printer, Shop

if TYPE_CHECKING:
    from sandbox.simulating.faults import Faults
    from sandbox.simulating.postman import Clock

PATH = "/Api/Open/"
SENTENCES = {OK: "在线，工作状态正常。", OFFLINE: "离线。", ABNORMAL: "在线，工作状态不正常。"}
MAX_BYTES = 5000
MAX_AGE = 24 * 3600
Fields = dict[str, str]


class RefusedError(Exception):
    """A call that is answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Feie:
    """Answers the calls."""

    def __init__(self, shop: Shop, clock: Clock, faults: Faults) -> None:
        self._shop, self._clock, self._faults = shop, clock, faults
        self._numbers = itertools.count(1)

    def answer(self, fields: Fields, subject: str) -> dict[str, Any]:
        """Answer one call."""
        calls = {
            "Open_printMsg": self._print,
            "Open_queryOrderState": self._order_state,
            "Open_queryPrinterStatus": self._printer_status,
            "Open_queryOrderInfoByDate": self._order_info,
        }
        try:
            self._check(fields)
            if (refused := self._faults.take("refuse", subject)) is not None:
                raise RefusedError(int(refused.get("code", 1004)), "添加订单失败")
            call = calls.get(fields.get("apiname", ""))
            if call is None:
                raise RefusedError(-2, "参数错误 : apiname")
            return {"msg": "ok", "ret": 0, "data": call(fields, subject), "serverExecutedTime": 6}
        except RefusedError as error:
            return {"msg": str(error), "ret": error.code, "data": None, "serverExecutedTime": 3}

    def _check(self, fields: Fields) -> None:
        user = fields.get("user", "")
        keys = [one.credentials["ukey"] for one in self._shop.of_kind("feie") if one.credentials.get("user") == user]
        if not keys:
            raise RefusedError(-4, "参数错误 : 该帐号未注册.")
        stime = fields.get("stime", "")
        expected = hashlib.sha1(f"{user}{keys[0]}{stime}".encode(), usedforsecurity=False).hexdigest()
        if len(stime) != 10 or not hmac.compare_digest(expected, fields.get("sig", "")):
            raise RefusedError(-3, "参数错误 : 签名失败.")

    def _printer(self, fields: Fields) -> Printer:
        printer = self._shop.printers.get(("feie", fields.get("sn", "")))
        if printer is None:
            raise RefusedError(1002, "打印机未注册")
        if printer.credentials.get("user") != fields["user"]:
            raise RefusedError(1001, "打印机编号和用户不匹配")
        return printer

    def _print(self, fields: Fields, _: str) -> str:
        printer = self._printer(fields)
        if len(fields.get("content", "").encode()) > MAX_BYTES:
            raise RefusedError(1007, "打印内容超过5000字节")
        now = self._clock.now()
        expires = float(fields["expired"]) if fields.get("expired") else None
        if expires is not None and not now <= expires <= now + MAX_AGE:
            raise RefusedError(-2, "参数错误 : expired")
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(now + 8 * 3600))
        number = f"{printer.number}_{stamp}_{next(self._numbers):010d}"
        self._shop.take(printer, Job(number, _day(now), fields["content"], int(fields.get("times") or 1), expires))
        return number

    def _order_state(self, fields: Fields, _: str) -> bool:
        for printer in self._shop.of_kind("feie"):
            for job in printer.jobs:
                if job.number == fields.get("orderid") and printer.credentials["user"] == fields["user"]:
                    return job.is_printed
        raise RefusedError(1005, "未找到订单信息")

    def _printer_status(self, fields: Fields, subject: str) -> str:
        printer = self._printer(fields)
        for state in (OFFLINE, ABNORMAL):
            if self._faults.take(state, subject) is not None:
                return SENTENCES[state]
        return SENTENCES[printer.state]

    def _order_info(self, fields: Fields, _: str) -> dict[str, int]:
        jobs = [job for job in self._printer(fields).jobs if job.day == fields.get("date")]
        printed = sum(job.is_printed for job in jobs)
        return {"print": printed, "waiting": len(jobs) - printed}


def _day(now: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(now + 8 * 3600))


def foreign_job(now: float) -> Job:
    """Make a receipt that the merchant's other system prints."""
    return Job("another", _day(now), "<CB>别的系统</CB><BR>", 1, None)

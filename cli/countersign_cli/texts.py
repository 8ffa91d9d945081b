"""What the command line itself says, in English and Chinese; what the API says comes in the language asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGLISH, CHINESE = "en", "zh"
LANGUAGES = (ENGLISH, CHINESE)

SENTENCES: Mapping[str, tuple[str, str]] = {
    # How things go wrong
    "refused": ("refused: {why}", "被拒绝：{why}"),
    "gateway_401": (
        "not signed in, or the sign-in has ended: `countersign login`",
        "尚未登录或登录已过期：请运行 `countersign login`",
    ),
    "gateway_403": ("refused: your token lacks the scope for this", "被拒绝：你的令牌没有所需的权限"),
    "gateway_429": ("too many calls: try again in a moment", "调用过于频繁：请稍后再试"),
    "gateway_other": ("unavailable: the API answered {status}; try again", "暂不可用：接口返回 {status}，请重试"),
    "unreachable": ("unavailable: nobody answers there ({why}); try again", "暂不可用：无法连接（{why}），请重试"),
    "interrupted": (
        "interrupted; what was done stays done, the same command goes on",
        "已中断；已完成的部分有效，再次运行同一命令即可继续",
    ),
    "unforeseen": (
        "something unforeseen: {kind} at {where}; nothing of what was sent is shown here",
        "意外错误：{where} 处的 {kind}；此处不显示任何发送内容",
    ),
    "no_sandbox": ("no sandbox answers on port {port}: `make run`", "端口 {port} 上没有沙盒：请运行 `make run`"),
    "sandbox_refused": ("the sandbox refuses: {why}", "沙盒拒绝：{why}"),
    "sandbox_only": (
        "refused: this is for the sandbox alone (`--sandbox`); it is never done to a deployment",
        "被拒绝：仅限沙盒使用（`--sandbox`），绝不会对线上部署执行",
    ),
    "sandbox_has_no_profile": ("a sandbox needs no profile", "沙盒不需要配置"),
    "no_profile": (
        "no deployment is set up: `countersign login --stack NAME`, or `--sandbox`",
        "尚未配置部署：`countersign login --stack 名称`，或使用 `--sandbox`",
    ),
    "no_such_profile": ("no profile {name}; there are: {known}", "没有配置 {name}；现有：{known}"),
    "bad_profiles": ("{path} cannot be read: {why}", "无法读取 {path}：{why}"),
    "profile_lacks": ("profile {name} lacks {what}", "配置 {name} 缺少 {what}"),
    "bad_amount": ("{text} is no amount: {why}", "{text} 不是有效金额：{why}"),
    "bad_time": (
        "{text} is no time: 2h, 30m, 3d, today, yesterday, 2026-11-22",
        "{text} 不是有效时间：可用 2h、30m、3d、today、yesterday、2026-11-22",
    ),
    "no_order": ("no order has the number {text}", "没有编号为 {text} 的订单"),
    "several_orders": ("{text} is the number of several orders: {found}", "{text} 对应多个订单：{found}"),
    "which_account": ("{name} is not one account; there are: {known}", "{name} 不是唯一的账户；现有：{known}"),
    "nothing_found": ("nothing", "无"),
    # Signing in
    "not_signed_in": ("not signed in to {name}: `countersign login`", "尚未登录 {name}：请运行 `countersign login`"),
    "half_a_machine": (
        "COUNTERSIGN_CLIENT_ID and COUNTERSIGN_CLIENT_SECRET are needed together",
        "COUNTERSIGN_CLIENT_ID 与 COUNTERSIGN_CLIENT_SECRET 须同时设置",
    ),
    "sign_in_refused": ("the sign-in was refused: {why}", "登录被拒绝：{why}"),
    "sign_in_foreign": (
        "what came back is not the sign-in that was begun here: begin again",
        "返回的不是此处发起的登录，请重新开始",
    ),
    "sign_in_open": ("Sign in at: {url}", "请在此登录：{url}"),
    "sign_in_paste": (
        "Paste the address that the browser ends at",
        "请粘贴浏览器最后到达的地址",
    ),
    "sign_in_late": ("nobody signed in within {minutes} minutes", "{minutes} 分钟内没有完成登录"),
    "sign_in_port": (
        "port {port} is taken, and the sign-in comes back to no other: `--paste`",
        "端口 {port} 被占用，而登录只能返回该端口：请使用 `--paste`",
    ),
    "signed_in": ("signed in to {name} as {who}", "已登录 {name}，身份为 {who}"),
    "signed_out": ("signed out of {name}", "已退出 {name}"),
    # AWS
    "no_boto3": (
        "this needs AWS's library: `pipx inject countersign-operator-cli boto3`, or `make cli`",
        "此操作需要 AWS 库：`pipx inject countersign-operator-cli boto3`，或 `make cli`",
    ),
    "aws_refused": ("AWS refuses {call}: {why}", "AWS 拒绝 {call}：{why}"),
    "aws_unreachable": ("AWS does not answer ({kind}): try again", "AWS 无响应（{kind}）：请重试"),
    "function_failed": ("{function} failed: {kind} {why}", "{function} 失败：{kind} {why}"),
    # Money
    "amount_needed": (
        "refused: {name} is production: `--yes-amount {amount}` says that you mean it",
        "被拒绝：{name} 是生产环境，请用 `--yes-amount {amount}` 确认",
    ),
    "amount_differs": ("refused: {given} is not the amount, which is {amount}", "被拒绝：{given} 与金额 {amount} 不符"),
    "type_amount": (
        "{name} is production. Type the amount ({amount}) to go on",
        "{name} 是生产环境。请输入金额（{amount}）以继续",
    ),
    # Explaining
    "next": ("next: {text}", "接下来：{text}"),
    "next_at": ("next: {text} ({at})", "接下来：{text}（{at}）"),
    "by_key": ("key {key}", "密钥 {key}"),
    "by": ("by {who}", "操作人 {who}"),
    "evidence_of": ("--- {event}", "--- {event}"),
    "open_question": ("question: {text}", "待决问题：{text}"),
    "as_of": ("As of {at} (UTC+8):", "截至 {at}（UTC+8）："),
    "decision.applied": ("counted", "已计入"),
    "decision.unchanged": ("changes nothing", "无变化"),
    "decision.duplicate": ("known already", "已知"),
    "decision.orphan": ("kept for an order that is unknown here", "订单未知，已保留"),
    "decision.review": ("asks a person", "需人工处理"),
    # Orders and refunds
    "asked_now": ("the platform is asked now", "正在向平台查询"),
    "answer_came": ("the platform has answered: {status}", "平台已答复：{status}"),
    "answer_waits": ("no answer within {seconds} s; the order is {status}", "{seconds} 秒内未收到答复；订单为{status}"),
    "closing": ("it is closed as soon as the platform allows", "平台允许后将立即关闭"),
    "shipped": ("recorded; the platform and the buyer are told", "已记录；将通知平台和买家"),
    "refund_asked": ("asked for: {refund}; somebody else must approve it", "已申请：{refund}；须由他人审批"),
    "refund_approved": ("approved: {refund} is paid out", "已批准：{refund} 将退款"),
    "refund_rejected": ("rejected: {refund}", "已拒绝：{refund}"),
    "no_refund": ("no refund has the number {text}", "没有编号为 {text} 的退款"),
    "charge_retried": ("it is tried again once: {charge}", "将再次扣款一次：{charge}"),
    "say_amount": (
        "say the amount: where money is real, nobody asks for all that is left",
        "请写明金额：生产环境不接受“全部退款”",
    ),
    "no_charge": ("{text} is no subscription charge", "{text} 不是订阅扣款"),
    "empty_note": ("an empty note says nothing", "备注不能为空"),
    "noted": ("noted", "已备注"),
    # Triggering
    "no_such_act": ("{platform} can be made to: {known}", "{platform} 可触发：{known}"),
    "order_needed": ("say which order: `--order`", "请指定订单：`--order`"),
    "account_needed": ("say which account: `--account`", "请指定账户：`--account`"),
    "sent": (
        "sent {count} · answered {statuses} ({least}–{most} ms)",
        "已发送 {count} 次 · 答复 {statuses}（{least}–{most} 毫秒）",
    ),
    "nobody_told": ("nothing was sent", "未发送任何消息"),
    "moved": ("order: {before} → {after}, transitions: {count}", "订单：{before} → {after}，变更次数：{count}"),
    # Verifying
    "bad_capture": ("the captured request cannot be read: {why}", "无法读取捕获的请求：{why}"),
    "bad_document": ("{path} is no JSON object", "{path} 不是 JSON 对象"),
    "no_such_door": ("there is no door {name}; there are: {known}", "没有入口 {name}；现有：{known}"),
    "step.keys": ("the account's own keys", "账户自身的密钥"),
    "step.shape": ("it has the form that the platform promises", "格式符合平台约定"),
    "step.time": ("it was signed near the time of arrival", "签名时间接近到达时间"),
    "step.key": ("its key is known here", "签名密钥在此已知"),
    "step.signature": ("the signature fits the bytes", "签名与内容相符"),
    "step.seal": ("the sealed part opens", "加密部分可以解开"),
    "step.owner": ("it is for this account", "属于此账户"),
    "step.content": ("what it says can be read", "内容可以解读"),
    "verdict.taken": ("→ taken, by {key}", "→ 已接受，密钥 {key}"),
    "verdict.unreadable": (
        "→ genuine (by {key}) but unreadable: answered as accepted, and kept in quarantine",
        "→ 真实（密钥 {key}）但无法解读：按已接受答复并隔离保存",
    ),
    "verdict.hint": (
        "  only as a hint: it has the platform asked, and changes nothing by itself",
        "  仅作为提示：会触发向平台查询，本身不改变任何状态",
    ),
    "verdict.refused": ("→ {error} (HTTP {status}): {reason}", "→ {error}（HTTP {status}）：{reason}"),
    "hint.length": (
        "the body is not as long as Content-Length says: the capture is not exact",
        "正文长度与 Content-Length 不符：捕获不完整或被改动",
    ),
    "hint.last_break": (
        "without the line break at its end the signature fits: the capture added it, or something on the way did",
        "去掉末尾换行后签名相符：换行由捕获或中间环节添加",
    ),
    "hint.crlf": (
        "with its line breaks as LF the signature fits: something changed them to CRLF",
        "换行改回 LF 后签名相符：中间环节改成了 CRLF",
    ),
    "hint.lf": (
        "with its line breaks as CRLF the signature fits: something changed them to LF",
        "换行改回 CRLF 后签名相符：中间环节改成了 LF",
    ),
    "hint.bom": ("without the byte order mark the signature fits", "去掉 BOM 后签名相符"),
    "advice.keys": (
        "put the account's document right: `countersign doctor --accounts DIR`",
        "请修正账户文档：`countersign doctor --accounts 目录`",
    ),
    "advice.shape": (
        "no message of the platform looks so: something on the way changed it, or it is not the platform's",
        "平台的消息不会是这样：被中间环节改动，或并非来自平台",
    ),
    "advice.time": (
        "somebody repeats an old message, or a clock is wrong; `--at` says when it arrived",
        "有人重放旧消息，或时钟有误；可用 `--at` 指定到达时间",
    ),
    "advice.key": (
        "if keys were changed in the platform's console, add the new one to the document",
        "如果在平台后台更换了密钥，请把新密钥加入文档",
    ),
    "advice.signature": (
        "another key than the account's, or at least one changed byte",
        "不是此账户的密钥，或至少有一个字节被改动",
    ),
    "advice.seal": (
        "the signature is good and our key is wrong: put the console's key in front",
        "签名正确而本方密钥有误：请把后台的密钥放在首位",
    ),
    "advice.owner": (
        "genuine, but for another merchant, app or shop: compare the document with the console",
        "消息真实，但属于其他商户、应用或店铺：请将文档与后台核对",
    ),
    "advice.content": ("what it says is not what the platform promises", "内容与平台约定不符"),
    # The doctor
    "doctor.unknown": ("could not be found out: {why}", "无法查明：{why}"),
    "doctor.linted": (
        "{count} documents: {errors} errors, {warnings} warnings",
        "{count} 个文档：{errors} 个错误，{warnings} 个警告",
    ),
    "doctor.document": ("{what}", "{what}"),
    "doctor.documents_good": ("{count} read, nothing is wrong with them", "已读取 {count} 个，没有问题"),
    "doctor.certificate_ended": ("{certificate} has ended on {day}", "{certificate} 已于 {day} 到期"),
    "doctor.certificate_ends": (
        "{certificate} ends in {days} days, on {day}",
        "{certificate} 将在 {days} 天后（{day}）到期",
    ),
    "doctor.certificates_good": ("the first ends on {day}", "最早到期日 {day}"),
    "doctor.only_when_asked": (
        "no callback for {quiet}, and the platform answers when it is asked: see where its URL leads",
        "{quiet} 没有回调，但查询有答复：请检查平台配置的地址",
    ),
    "doctor.silent": ("no callback for {quiet} (usual gap {gap})", "{quiet} 没有回调（通常间隔 {gap}）"),
    "doctor.callbacks_good": ("no account is silent ({count} looked at)", "没有静默的账户（共 {count} 个）"),
    "doctor.let_in_no_more": (
        "the platform lets us in no more since {since}: {why}",
        "平台自 {since} 起拒绝访问：{why}",
    ),
    "doctor.gap": ("deliveries may be missing since {since}: {why}", "自 {since} 起可能缺少推送：{why}"),
    "doctor.quarantined": (
        "in quarantine: {count}; `countersign redrive`",
        "隔离区有 {count} 条；请用 `countersign redrive`",
    ),
    "doctor.key_unused": (
        "{key} verified nothing for {unused}: it may be taken out",
        "{key} 已 {unused} 未使用，可以移除",
    ),
    "doctor.clock_differs": ("this machine's clock differs by {seconds} s", "本机时钟相差 {seconds} 秒"),
    "doctor.clock_good": ("differs by {seconds} s", "相差 {seconds} 秒"),
    "doctor.due_late": ("work is {lag} late: look for errors of this function", "工作延迟 {lag}：请检查此函数的错误"),
    "doctor.due_good": ("work is at most {lag} late", "工作最多延迟 {lag}"),
    "doctor.outbox_late": ("events wait for the bus for {lag}", "事件等待发布已 {lag}"),
    "doctor.outbox_good": ("no event waits longer than {lag}", "没有事件等待超过 {lag}"),
    "doctor.failures": (
        "{count} runs failed for good: docs/operations.md, Dead letters",
        "{count} 次运行彻底失败：见 docs/operations.md",
    ),
    "doctor.alarms_good": ("{count} hear the alarms", "{count} 个订阅接收告警"),
    "doctor.alarms_unheard": ("nobody hears the alarms: subscribe to the topic", "无人接收告警：请订阅主题"),
    "doctor.schedule_off": ("the schedule is switched off", "定时任务已停用"),
    "doctor.schedules_good": ("{count} are on", "{count} 个已启用"),
    "doctor.quota_good": ("{limit} at once are allowed", "允许并发 {limit}"),
    "doctor.quota_small": (
        "only {limit} at once are allowed: one burst of callbacks uses them up, ask for 1000",
        "仅允许并发 {limit}：一次回调高峰即会耗尽，请申请 1000",
    ),
    # What an operator does again, and keys
    "which_days": ("say which day: --day, or --from and --to", "请指定日期：--day，或 --from 与 --to"),
    "going_on": ("going on behind {count} that were looked at before", "接着上次继续，已查看 {count} 条"),
    "redriving": ("looked at: {count}", "已查看：{count}"),
    "would_redrive": (
        "{looked} looked at: {count} would be taken in, {refused} are still refused",
        "查看 {looked} 条：可收入 {count} 条，仍被拒绝 {refused} 条",
    ),
    "redriven": (
        "{looked} looked at: {count} taken in, {refused} are still refused",
        "查看 {looked} 条：已收入 {count} 条，仍被拒绝 {refused} 条",
    ),
    "which_event": ("{event} is not one event of the order: {known}", "{event} 不是该订单的唯一事件：{known}"),
    "no_list_of_keys": ("{field} is no list of keys in this document", "{field} 不是此文档中的密钥列表"),
    "no_key": ("no key was given: pipe it in, or --from-file", "没有提供密钥：请通过管道输入或使用 --from-file"),
    "key_known": ("refused: {field} holds this key already", "被拒绝：{field} 已包含此密钥"),
    "other_kind_of_key": (
        "a key of {field} is of another kind (an object with its id, or a text)",
        "{field} 的密钥类型不同（带 id 的对象或文本）",
    ),
    "key_unusable": ("refused: with it the document would be wrong: {why}", "被拒绝：加入后文档将有误：{why}"),
    "changed_meanwhile": (
        "refused: somebody else changed the document meanwhile; look again",
        "被拒绝：文档刚被他人修改，请重新查看",
    ),
    "key_added": (
        "1 the new key stands in front of {field} (kept behind it: {kept}). Use it at the platform, then look again",
        "1 新密钥已置于 {field} 首位（其后保留 {kept} 个）。请在平台启用后再来查看",
    ),
    "one_key": ("{field} has one key: nothing is to be taken out", "{field} 只有一个密钥：无需移除"),
    "old_used": (
        "2 waiting: the old keys ({count}) may have been used {unused} ago; {least} unused are needed",
        "2 等待中：旧密钥（{count} 个）可能在 {unused} 前使用过；需闲置 {least}",
    ),
    "old_unused": (
        "2 the old keys ({count}) were not used for {unused}: `--remove` takes them out",
        "2 旧密钥（{count} 个）已 {unused} 未使用：可用 `--remove` 移除",
    ),
    "key_in_use": (
        "refused: an old key may have been used {unused} ago, and {least} unused are needed",
        "被拒绝：旧密钥可能在 {unused} 前使用过，需闲置 {least}",
    ),
    "take_out": ("3 take {count} old out of {field}?", "3 从 {field} 移除 {count} 个旧密钥？"),
    "keys_removed": ("3 taken out of {field}: {count}", "3 已从 {field} 移除 {count} 个"),
    # Columns
    "column.order": ("order", "订单"),
    "column.status": ("status", "状态"),
    "column.amount": ("amount", "金额"),
    "column.paid": ("paid", "已付"),
    "column.refunded": ("refunded", "已退"),
    "column.shipping": ("shipping", "发货"),
    "column.updated": ("changed", "更新"),
    "column.refund": ("refund", "退款"),
    "column.asked_by": ("asked by", "申请人"),
    "column.asked_at": ("asked", "申请时间"),
    "column.reason": ("reason", "原因"),
    "column.charge": ("charge", "扣款"),
    "column.group": ("who must act", "处理方"),
    "column.next_try": ("next try", "下次重试"),
    "column.customer": ("customer", "客户"),
    "column.description": ("description", "描述"),
    # States
    "state.created": ("created", "已创建"),
    "state.pending": ("pending", "待支付"),
    "state.authorized": ("authorized", "已授权"),
    "state.partially_paid": ("partially paid", "部分支付"),
    "state.paid": ("paid", "已支付"),
    "state.partially_refunded": ("partially refunded", "部分退款"),
    "state.review": ("in review", "待核实"),
    "state.refunded": ("refunded", "已退款"),
    "state.closed": ("closed", "已关闭"),
    "state.failed": ("failed", "失败"),
}


def of_environment(environ: Mapping[str, str]) -> str:
    """Return the language of the locale."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return CHINESE if locale.lower().startswith("zh") else ENGLISH


def text(code: str, language: str, /, **arguments: object) -> str:
    """Return a sentence."""
    return SENTENCES[code][language == CHINESE].format(**arguments)


def word(code: str, language: str, otherwise: str) -> str:
    """Return a sentence without arguments, or another text where there is none."""
    return text(code, language) if code in SENTENCES else otherwise

"""What a till shows its cashier for each code that a request may be declined with."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from engine.campus_errors import (
    DeclineCode,
    DeviceNotFound,
    NotATill,
    PinRequired,
    PurchaseNotFound,
    ReversalTooLate,
)
from engine.errors import PinNotSet, PinPaused, PinWrong, TooBusy
from ledger.errors import (
    InvalidAmount,
    InvalidTransfer,
    LedgerBusy,
    RefusalCode,
    TransferConflict,
)

_TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        DeclineCode.TERMINAL_REVOKED: "本机已停用",
        DeclineCode.MERCHANT_CLOSED: "商户已停业",
        DeclineCode.CARD_UNKNOWN: "无此卡",
        DeclineCode.CARD_NOT_ACTIVATED: "卡未激活，请到卡务中心",
        DeclineCode.CARD_LOST: "此卡已挂失",
        DeclineCode.CARD_REPLACED: "此卡已换，请用新卡",
        DeclineCode.CARD_CLOSED: "此卡已注销",
        DeclineCode.CARD_EXPIRED: "卡已过期，请到卡务中心",
        DeclineCode.HOLDER_NOT_ACTIVE: "持卡人已停用",
        DeclineCode.DAY_LIMIT_EXCEEDED: "超过当日消费限额",
        DeclineCode.REVERSED: "交易已冲正",
        DeclineCode.PURCHASE_NOT_FOUND: "找不到原交易",
        DeclineCode.REFUND_EXCEEDS_PURCHASE: "退款超过原交易余额",
        RefusalCode.AMOUNT_MUST_BE_POSITIVE: "金额须大于零",
        RefusalCode.AMOUNT_TOO_LARGE: "金额过大",
        RefusalCode.ACCOUNTS_MUST_DIFFER: "账户设置有误，请联系管理员",
        RefusalCode.HOLD_NOT_FOUND: "找不到预授权",
        RefusalCode.HOLD_ALREADY_POSTED: "预授权已完成",
        RefusalCode.HOLD_ALREADY_VOIDED: "预授权已撤销",
        RefusalCode.HOLD_ALREADY_EXPIRED: "预授权已过期",
        RefusalCode.AMOUNT_EXCEEDS_HOLD: "超过预授权金额",
        RefusalCode.DEBIT_ACCOUNT_NOT_FOUND: "付款账户不存在",
        RefusalCode.CREDIT_ACCOUNT_NOT_FOUND: "收款账户不存在",
        RefusalCode.UNITS_MUST_MATCH: "账户设置有误，请联系管理员",
        RefusalCode.DEBIT_ACCOUNT_CLOSED: "付款账户已销户",
        RefusalCode.CREDIT_ACCOUNT_CLOSED: "收款账户已销户",
        RefusalCode.INSUFFICIENT_FUNDS: "余额不足",
        RefusalCode.CREDITS_WOULD_EXCEED_DEBITS: "还款超过欠款",
        RefusalCode.LINKED_TRANSFER_REFUSED: "交易未成功",
        PinRequired.code: "请输入交易密码",
        PinNotSet.code: "未设交易密码，请先在手机上设置",
        PinWrong.code: "交易密码错误",
        PinPaused.code: "密码错误次数过多，请稍后再试",
        ReversalTooLate.code: "已过冲正时限，请到卡务中心退款",
        NotATill.code: "本机不是收款机",
        DeviceNotFound.code: "本机未注册",
        TransferConflict.code: "交易号重复，请重新下单",
        InvalidTransfer.code: "交易数据有误",
        InvalidAmount.code: "金额有误",
        LedgerBusy.code: "系统繁忙，请重试",
        TooBusy.code: "系统繁忙，请重试",
        PurchaseNotFound.code: "找不到原交易",
    }
)
_ANY_OTHER: Final = "交易未成功"


def decline_text(code: str) -> str:
    """Return the Chinese text for a code, at most 80 characters."""
    return _TEXTS.get(code, _ANY_OTHER)

//! The customer's texts.

use crate::words::Language;

/// What a display says to a customer about `state`.
pub(super) fn to_customer(state: &str, language: Language) -> &'static str {
    let [en, zh_cn, zh_hk] = match state {
        "idle" => ["Welcome", "欢迎光临", "歡迎光臨"],
        "armed" => ["Please show your WeChat Pay code", "请出示微信支付付款码", "請出示微信支付付款碼"],
        "submitting" => ["Processing, please wait", "正在处理，请稍候", "正在處理，請稍候"],
        "customer_paying" => ["Please confirm on your phone", "请在手机上确认支付", "請在手機上確認付款"],
        "verifying" => ["Please wait", "请稍候", "請稍候"],
        "paid" => ["Paid, thank you", "支付成功，谢谢", "付款成功，多謝"],
        "declined" => ["Payment failed, please see the cashier", "支付失败，请联系收银员", "付款失敗，請與收銀員聯絡"],
        "reversing" => ["The payment is being cancelled", "正在取消支付", "正在取消付款"],
        "reversed" => ["Cancelled, you were not charged", "已取消，您没有被扣款", "已取消，閣下並無被扣款"],
        "needs_attention" => ["Please see the cashier", "请联系收银员", "請與收銀員聯絡"],
        "out_of_order" => {
            ["Out of order, please see the cashier", "暂停服务，请联系收银员", "暫停服務，請與收銀員聯絡"]
        }
        _ => ["Not connected, please ask the cashier", "未连接，请询问收银员", "未連線，請向收銀員查詢"],
    };
    match language {
        Language::En => en,
        Language::ZhCn => zh_cn,
        Language::ZhHk => zh_hk,
    }
}

# The number is used with other values: nothing is sent any more, and no new number is taken. It is asked about, rarely.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds 12.00
the terminal says refund
WeChat answers OUT_REFUND_NO_USED
refund 1 is needs_attention because of OUT_REFUND_NO_USED
WeChat answers every question REFUNDNOTEXIST for 20000 s
refund 1 is needs_attention because of OUT_REFUND_NO_USED
refund 1 needs a person
WeChat answers every question PROCESSING for 4000 s
refund 1 is needs_attention
WeChat answers every question refunded for 22000 s
refund 1 is refunded
refund 1 needs a person          # somebody must still look at what it was

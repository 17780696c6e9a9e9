# WeChat says no and refunds all the same: failed would have been false.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds 12.00
the terminal says refund
WeChat answers TRADE_OVERDUE
refund 1 is requested because of TRADE_OVERDUE
5 s pass
the terminal says refundquery
WeChat answers refunded
refund 1 is refunded
the payment is partially_refunded, the money is taken

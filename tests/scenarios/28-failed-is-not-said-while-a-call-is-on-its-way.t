# The first call was never answered, the second is refused for good: the first may still land, so failed has to wait.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers paid
the cashier refunds everything
the terminal says refund
no answer comes
WeChat answers every question REFUNDNOTEXIST for 61 s
the terminal says refund
WeChat answers TRADE_OVERDUE
WeChat answers every question REFUNDNOTEXIST for 200 s
refund 1 is requested because of TRADE_OVERDUE
WeChat answers every question REFUNDNOTEXIST for 300 s
refund 1 is failed because of TRADE_OVERDUE

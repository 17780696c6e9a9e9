# FAIL with recall=N while the order is alive (protocol 2.5): the operator is called at once, the steps go on.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
no answer comes
the cashier cancels
WeChat answers every question NOTPAY for 16 s
the terminal says reverse
WeChat answers useless
the terminal says query
WeChat answers NOTPAY
the payment is needs_attention, the money is unknown

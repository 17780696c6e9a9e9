# WeChat blames the request, yet the order lives and no reversal works: the supervisor is called.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers NOAUTH
the cashier cancels
WeChat answers every question USERPAYING for 16 s
the terminal says reverse
WeChat answers SYSTEMERROR
the terminal says query
WeChat answers NOTPAY
5 s pass
the terminal says reverse
WeChat answers SYSTEMERROR
the terminal says query
WeChat answers NOTPAY
10 s pass
the terminal says reverse
WeChat answers SYSTEMERROR
the terminal says query
WeChat answers NOTPAY
20 s pass
the terminal says reverse
WeChat answers SYSTEMERROR
the terminal says query
WeChat answers NOTPAY
30 s pass
the terminal says reverse
WeChat answers SYSTEMERROR
the terminal says query
WeChat answers NOTPAY
30 s pass
the terminal says reverse
WeChat answers SYSTEMERROR
the terminal says query
WeChat answers NOTPAY
the payment is needs_attention, the money is unknown

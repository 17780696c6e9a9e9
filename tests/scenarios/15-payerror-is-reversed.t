# PAYERROR asks to be reversed: no more questions until the rules allow it.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
WeChat answers USERPAYING
5 s pass
the terminal says query
WeChat answers PAYERROR
the payment is verifying, the money is unknown
the terminal says nothing for 9.9 s
0.2 s pass
the terminal says query
WeChat answers PAYERROR
the terminal says reverse
WeChat answers accepted
the terminal says query
WeChat answers revoked
the payment is reversed, the money is none

# Once a reversal went out, paid is no sale: the money goes back.
the cashier keys in 88.00
the customer shows a code
the terminal says pay
the cashier cancels
no answer comes
the terminal says nothing for 0.2 s
0.1 s pass
the terminal says query
WeChat answers USERPAYING
the terminal says reverse
WeChat answers accepted
the terminal says query
WeChat answers paid
the payment is reversing, the money is unknown
5 s pass
the terminal says reverse
WeChat answers accepted
the terminal says query
WeChat answers revoked
the payment is reversed, the money is returned
